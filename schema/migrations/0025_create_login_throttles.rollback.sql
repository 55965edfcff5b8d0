set local search_path = pg_catalog;
set local role pg_database_owner;
drop table if exists authority.login_throttles;
drop function if exists authority.address_site(inet);
drop function if exists authority.address_prefix(inet);
