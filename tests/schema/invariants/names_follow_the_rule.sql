-- A constraint or index that is not named {table}_{columns}_{pk|key|fk|check|idx}:
-- Python maps errors by these names. Where that is longer than the 63 bytes of a name,
-- tenant_id is omitted; a check may name the rule instead of the columns.
with named as (
    select
        constraints.conrelid as table_oid,
        constraints.conname as name,
        constraints.conkey as columns,
        case constraints.contype
            when 'p' then 'pk'
            when 'u' then 'key'
            when 'f' then 'fk'
            when 'c' then 'check'
        end as kind
    from pg_catalog.pg_constraint as constraints
    where
        constraints.connamespace = 'authority'::regnamespace
        and constraints.contype in ('p', 'u', 'f', 'c')
    union all
    select
        indexes.indrelid as table_oid,
        classes.relname as name,
        indexes.indkey::smallint[] as columns,
        case when indexes.indisunique then 'key' else 'idx' end as kind
    from pg_catalog.pg_index as indexes
    inner join pg_catalog.pg_class as classes on indexes.indexrelid = classes.oid
    where
        classes.relnamespace = 'authority'::regnamespace
        and not exists (
            select from pg_catalog.pg_constraint
            where pg_constraint.conindid = indexes.indexrelid
        )
),

described as (
    select
        named.name,
        named.kind,
        classes.relname as table_name,
        array_to_string(
            array(
                select columns.attname
                from unnest(named.columns) with ordinality as keys (attnum, position)
                inner join pg_catalog.pg_attribute as columns
                    on
                        keys.attnum = columns.attnum
                        and columns.attrelid = named.table_oid
                order by keys.position
            ),
            '_'
        ) as column_names
    from named
    inner join pg_catalog.pg_class as classes on named.table_oid = classes.oid
    where not classes.relispartition
),

expected as (
    select
        described.name,
        described.kind,
        described.table_name,
        concat_ws('_', described.table_name, described.column_names, described.kind)
            as full_name
    from described
)

select expected.name as offender
from expected
where
    expected.name <> case
        when length(expected.full_name) > 63
            then replace(expected.full_name, '_tenant_id_', '_')
        else expected.full_name
    end
    and not (
        expected.kind = 'check'
        and expected.name like expected.table_name || '\_%\_check'
    );
