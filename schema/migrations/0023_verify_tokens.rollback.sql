set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0023_verify_tokens');
drop view if exists authority.verified_tokens;
drop function if exists authority.find_dependencies(uuid, uuid[]);
drop function if exists authority.find_sid(uuid, uuid);
