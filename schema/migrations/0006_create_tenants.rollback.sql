set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0006_create_tenants');
drop function if exists authority.find_tenant(text);
drop function if exists authority.enter_tenant(uuid, text);
drop view if exists authority.active_tenants;
call authority.drop_tables('0006_create_tenants', 'tenants');
