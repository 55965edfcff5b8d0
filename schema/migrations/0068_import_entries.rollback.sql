set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0068_import_entries');
drop function if exists authority.import_rows(uuid, text, text[], text[], text);
drop function if exists authority.import_tenant(
    uuid,
    text,
    text,
    text,
    jsonb,
    timestamptz,
    timestamptz,
    timestamptz,
    timestamptz,
    boolean
);
