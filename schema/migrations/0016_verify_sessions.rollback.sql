set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.find_live_session(uuid, bytea);
drop function if exists authority.is_session_in_force(uuid, uuid);
drop view if exists authority.live_sessions;
