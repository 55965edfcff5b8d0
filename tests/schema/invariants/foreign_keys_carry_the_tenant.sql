-- A foreign key to a table of tenants, or to tenants, that could point at another
-- tenant's row: it does not begin with the tenant on both sides. Or one that would
-- write the tenant of a row when another row changes.
with tenant_columns as (
    select
        columns.attrelid,
        columns.attnum
    from pg_catalog.pg_attribute as columns
    inner join pg_catalog.pg_class as tables on columns.attrelid = tables.oid
    where
        tables.relnamespace = 'authority'::regnamespace
        and not columns.attisdropped
        and columns.attname
        = case tables.relname when 'tenants' then 'id' else 'tenant_id' end
)

select foreign_keys.conname as offender
from pg_catalog.pg_constraint as foreign_keys
inner join tenant_columns as referenced
    on foreign_keys.confrelid = referenced.attrelid
left join tenant_columns as own on foreign_keys.conrelid = own.attrelid
where
    foreign_keys.contype = 'f'
    and (
        foreign_keys.conkey[1] is distinct from own.attnum
        or foreign_keys.confkey[1] <> referenced.attnum
        or foreign_keys.confupdtype not in ('a', 'r')
        or foreign_keys.confdeltype not in ('a', 'r', 'c')
    );
