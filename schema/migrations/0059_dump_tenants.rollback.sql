set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0059_dump_tenants');
drop function if exists authority.dump_rows(uuid, text, jsonb, bigint);
drop function if exists authority.list_moved_tables();
drop function if exists authority.list_open_units(uuid);
drop function if exists authority.hold_tenant(uuid);
