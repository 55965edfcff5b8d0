set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.find_user(uuid, text);
drop function if exists authority.find_traces(uuid, uuid, text[]);
drop function if exists authority.subs_of_user(uuid, uuid, text[]);
drop function if exists authority.names_of_user(uuid, uuid, text[]);
