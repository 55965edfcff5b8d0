set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0028_create_login_throttles');
call authority.drop_tables('0028_create_login_throttles', 'login_throttles');
drop function if exists authority.address_site(inet);
drop function if exists authority.address_prefix(inet);
