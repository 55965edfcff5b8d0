set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.oldest_package();
drop function if exists authority.schema_version();
