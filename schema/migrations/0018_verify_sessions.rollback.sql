set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0018_verify_sessions');
drop function if exists authority.find_live_session(uuid, bytea);
drop function if exists authority.is_session_in_force(uuid, uuid);
drop view if exists authority.live_sessions;
