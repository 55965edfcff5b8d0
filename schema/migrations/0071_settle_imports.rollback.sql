set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0071_settle_imports');
drop function if exists authority.record_import(uuid, jsonb);
drop function if exists authority.settle_import(uuid, text, text);
drop function if exists authority.find_other_rows(uuid, text, text[], text[], text);
