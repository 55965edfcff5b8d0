set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0056_find_traces_of_users');
drop function if exists authority.find_user(uuid, text);
drop function if exists authority.find_traces(uuid, uuid, text[]);
drop function if exists authority.subs_of_user(uuid, uuid, text[]);
drop function if exists authority.names_of_user(uuid, uuid, text[]);
