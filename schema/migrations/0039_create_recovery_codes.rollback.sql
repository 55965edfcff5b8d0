set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0039_create_recovery_codes');
call authority.drop_tables('0039_create_recovery_codes', 'recovery_codes');
drop function if exists authority.are_digests(bytea[]);
