set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0065_find_named_rows');
drop function if exists authority.find_named_rows(
    uuid, text[], text[], text[], text[]
);
