set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0073_name_the_version');
drop function if exists authority.oldest_package();
drop function if exists authority.schema_version();
