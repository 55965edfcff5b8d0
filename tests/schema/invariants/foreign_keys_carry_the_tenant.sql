-- A foreign key between two tables of tenants that does not begin with tenant_id on both
-- sides: it could point at another tenant's row.
select foreign_keys.conname as offender
from pg_catalog.pg_constraint as foreign_keys
inner join pg_catalog.pg_attribute as own
    on
        foreign_keys.conrelid = own.attrelid
        and own.attname = 'tenant_id'
inner join pg_catalog.pg_attribute as referenced
    on
        foreign_keys.confrelid = referenced.attrelid
        and referenced.attname = 'tenant_id'
where
    foreign_keys.contype = 'f'
    and foreign_keys.connamespace = 'authority'::regnamespace
    and (
        foreign_keys.conkey[1] <> own.attnum
        or foreign_keys.confkey[1] <> referenced.attnum
    );
