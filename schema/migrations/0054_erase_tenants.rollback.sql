set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0054_erase_tenants');
drop function if exists authority.erase_tenant(uuid, bigint);
drop function if exists authority.erase_batch(
    regclass, text, text, uuid, uuid, text[], bigint, boolean
);
drop function if exists authority.tables_of_tenants();
