set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0041_create_totp_credentials');
call authority.drop_tables('0041_create_totp_credentials', 'totp_credentials');
drop function if exists authority.totp_step(interval);
