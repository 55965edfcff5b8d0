set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0058_export_rows');
drop function if exists authority.export_rows(
    uuid, uuid, text[], text, jsonb, bigint
);
drop function if exists authority.list_exported_tables(boolean);
