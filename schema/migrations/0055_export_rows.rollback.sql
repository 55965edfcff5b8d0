set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.export_rows(
    uuid, uuid, text[], text, jsonb, bigint
);
drop function if exists authority.list_exported_tables(boolean);
