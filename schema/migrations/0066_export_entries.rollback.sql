set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0066_export_entries');
drop function if exists authority.measure_rows(uuid, text);
drop function if exists authority.export_entries(uuid, text, text, jsonb, bigint);
drop function if exists authority.list_entry_fields(text);
