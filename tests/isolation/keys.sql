-- One primary, unique or foreign key of a table of tenants: its table, the columns
-- after the tenant, and for a foreign key the other table, its columns and what a
-- deletion does. Keys of partitions are their parents'. A unique index is a key too.
-- The kind `outer` is a foreign key to a table whose rows have no tenant_id.
with tables as (
    select
        classes.oid,
        classes.relname::text as name,
        tenants.attnum as tenant_column
    from pg_catalog.pg_class as classes
    inner join pg_catalog.pg_attribute as tenants
        on
            classes.oid = tenants.attrelid
            and tenants.attname = 'tenant_id'
    where
        classes.relnamespace = 'authority'::regnamespace
        and classes.relkind in ('r', 'p')
        and not classes.relispartition
),

keys as (
    select
        case when others.oid is null then 'outer' else 'foreign' end as kind,
        foreign_keys.conname::text as name,
        tables.name as own,
        tables.oid as own_oid,
        array_remove(foreign_keys.conkey, tables.tenant_column) as own_columns,
        others.name as other,
        others.oid as other_oid,
        array_remove(foreign_keys.confkey, others.tenant_column) as other_columns,
        foreign_keys.confdeltype = 'c' as cascades
    from pg_catalog.pg_constraint as foreign_keys
    inner join tables on foreign_keys.conrelid = tables.oid
    left join tables as others on foreign_keys.confrelid = others.oid
    where foreign_keys.contype = 'f'
    union all
    select
        'unique' as kind,
        indexes.indexrelid::regclass::text as name,
        tables.name as own,
        tables.oid as own_oid,
        array_remove(indexes.indkey::smallint[], tables.tenant_column)
            as own_columns,
        null as other,
        null as other_oid,
        null as other_columns,
        false as cascades
    from pg_catalog.pg_index as indexes
    inner join tables on indexes.indrelid = tables.oid
    where indexes.indisunique
)

select
    keys.kind,
    keys.name,
    keys.own,
    keys.other,
    keys.cascades,
    array(
        select columns.attname::text
        from unnest(keys.own_columns) with ordinality as own (attnum, position)
        inner join pg_catalog.pg_attribute as columns
            on
                own.attnum = columns.attnum
                and keys.own_oid = columns.attrelid
        order by own.position
    ) as own_columns,
    array(
        select columns.attname::text
        from unnest(keys.other_columns) with ordinality as other (attnum, position)
        inner join pg_catalog.pg_attribute as columns
            on
                other.attnum = columns.attnum
                and keys.other_oid = columns.attrelid
        order by other.position
    ) as other_columns
from keys
order by keys.name;
