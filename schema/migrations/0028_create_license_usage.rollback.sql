set local search_path = pg_catalog;
set local role pg_database_owner;
drop table if exists authority.license_usage_totals;
drop table if exists authority.license_usage;
