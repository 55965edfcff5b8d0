set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.end_sessions(uuid, uuid[], text);
