set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.find_tenant(text);
drop function if exists authority.enter_tenant(uuid, text);
drop view if exists authority.active_tenants;
drop table if exists authority.tenants;
