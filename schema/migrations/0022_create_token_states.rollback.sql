set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0022_create_token_states');
drop view if exists authority.live_tokens;
drop view if exists authority.token_states;
drop function if exists authority.are_tokens_alive(uuid, uuid[]);
