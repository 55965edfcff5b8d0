-- A primary or unique key, a unique index or an exclusion of a tenant's table that does
-- not begin with tenant_id: it would show one tenant what another has.
select indexes.indexrelid::regclass::text as offender
from pg_catalog.pg_index as indexes
inner join pg_catalog.pg_class as tables on indexes.indrelid = tables.oid
inner join pg_catalog.pg_attribute as tenants
    on
        tables.oid = tenants.attrelid
        and tenants.attname = 'tenant_id'
where
    tables.relnamespace = 'authority'::regnamespace
    and (indexes.indisunique or indexes.indisexclusion)
    and indexes.indkey[0] <> tenants.attnum;
