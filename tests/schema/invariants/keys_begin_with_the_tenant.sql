-- A primary or unique key of a tenant's table that does not begin with tenant_id.
select keys.conname as offender
from pg_catalog.pg_constraint as keys
inner join pg_catalog.pg_attribute as tenants
    on
        keys.conrelid = tenants.attrelid
        and tenants.attname = 'tenant_id'
where
    keys.contype in ('p', 'u')
    and keys.connamespace = 'authority'::regnamespace
    and keys.conkey[1] <> tenants.attnum;
