set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0024_find_live_token');
drop function if exists authority.find_live_token(uuid, bytea, text, text);
