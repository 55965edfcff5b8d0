set local search_path = pg_catalog;
set local role pg_database_owner;

drop trigger if exists sessions_ended_feed on authority.sessions;
drop function if exists authority.publish_session();
