set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0070_import_usage');
drop function if exists authority.import_license_usage(uuid, text);
