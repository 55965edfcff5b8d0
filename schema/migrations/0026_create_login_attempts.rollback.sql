set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0026_create_login_attempts');
call authority.drop_tables('0026_create_login_attempts', 'login_attempts');
drop function if exists authority.canonical_address(inet);
