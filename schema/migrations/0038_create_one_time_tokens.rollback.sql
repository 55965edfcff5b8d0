set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0038_create_one_time_tokens');
call authority.drop_tables('0038_create_one_time_tokens', 'one_time_tokens');
