-- A text that an index orders, or a foreign key refers by, and whose order depends on a
-- locale or its version: a dump or a base backup would break the index elsewhere.
select indexes.indexrelid::regclass::text as offender
from pg_catalog.pg_index as indexes
inner join pg_catalog.pg_class as classes on indexes.indexrelid = classes.oid
where
    classes.relnamespace = 'authority'::regnamespace
    and not classes.relispartition
    and exists (
        select
        from unnest(indexes.indcollation::oid[]) as keys (collation_oid)
        where keys.collation_oid not in (0, 'pg_catalog."C"'::regcollation)
    )
union all
select constraints.conname as offender
from pg_catalog.pg_constraint as constraints
inner join pg_catalog.pg_attribute as columns
    on
        columns.attrelid = constraints.conrelid
        and columns.attnum = any(constraints.conkey)
where
    constraints.connamespace = 'authority'::regnamespace
    and constraints.contype = 'f'
    and columns.attcollation not in (0, 'pg_catalog."C"'::regcollation);
