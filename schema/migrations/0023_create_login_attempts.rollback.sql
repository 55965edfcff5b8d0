set local search_path = pg_catalog;
set local role pg_database_owner;
drop table if exists authority.login_attempts;
drop function if exists authority.canonical_address(inet);
