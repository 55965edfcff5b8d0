-- What logical replication would not copy, or would do twice: a table without a primary
-- key that identifies its rows, a generated column in that key, an unlogged table, a
-- sequence, and a trigger that fires for replicated rows (docs/replicas.md).
with tables as (
    select
        classes.oid,
        classes.relreplident,
        classes.relpersistence,
        keys.conkey
    from pg_catalog.pg_class as classes
    left join pg_catalog.pg_constraint as keys
        on
            classes.oid = keys.conrelid
            and keys.contype = 'p'
    where
        classes.relnamespace in (
            'authority'::regnamespace, to_regnamespace('authority_yoyo')
        )
        and classes.relkind in ('r', 'p')
)

select format('%s has no replica identity', tables.oid::regclass) as offender
from tables
where tables.conkey is null or tables.relreplident <> 'd'
union all
select format('%s is unlogged', tables.oid::regclass) as offender
from tables
where tables.relpersistence <> 'p'
union all
select format('%s.%s is generated', tables.oid::regclass, columns.attname) as offender
from tables
inner join pg_catalog.pg_attribute as columns
    on
        tables.oid = columns.attrelid
        and columns.attnum = any(tables.conkey)
where columns.attgenerated <> ''
union all
select format('%s is a sequence', sequences.oid::regclass) as offender
from pg_catalog.pg_class as sequences
where
    sequences.relnamespace in (
        'authority'::regnamespace, to_regnamespace('authority_yoyo')
    )
    and sequences.relkind = 'S'
union all
select
    format('%s fires on %s', triggers.tgname, triggers.tgrelid::regclass) as offender
from pg_catalog.pg_trigger as triggers
inner join tables on triggers.tgrelid = tables.oid
where triggers.tgenabled in ('A', 'R');
