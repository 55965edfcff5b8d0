set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0017_create_sessions');
call authority.drop_tables('0017_create_sessions', 'session_clients', 'sessions');
drop function if exists authority.sign_in_time(timestamptz);
