set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.erase_tenant(uuid, bigint);
drop function if exists authority.erase_batch(
    regclass, text, text, uuid, uuid, text[], bigint, boolean
);
drop function if exists authority.tables_of_tenants();
