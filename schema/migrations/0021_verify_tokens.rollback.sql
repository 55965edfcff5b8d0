set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.find_live_token(uuid, bytea, text, text);
drop view if exists authority.verified_tokens;
drop function if exists authority.find_dependencies(uuid, uuid[]);
drop function if exists authority.find_sid(uuid, uuid);
