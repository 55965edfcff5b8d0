set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0067_find_rows');
drop function if exists authority.read_rows(uuid, text, text[], jsonb);
drop function if exists authority.describe_keys(text, text[]);
drop function if exists authority.name_references();
