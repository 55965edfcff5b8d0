set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0040_create_signing_keys');
drop view if exists authority.signing_key_states;
call authority.drop_tables('0040_create_signing_keys', 'signing_keys');
