-- A table, column or function without a comment. Partitions of the log need none on
-- their columns: the parent has them.
select tables.oid::regclass::text as offender
from pg_catalog.pg_class as tables
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p', 'v', 'm')
    and obj_description(tables.oid, 'pg_class') is null
union all
select tables.oid::regclass::text || '.' || columns.attname as offender
from pg_catalog.pg_class as tables
inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p', 'v', 'm')
    and not tables.relispartition
    and columns.attnum > 0
    and not columns.attisdropped
    and col_description(tables.oid, columns.attnum) is null
union all
select functions.oid::regprocedure::text as offender
from pg_catalog.pg_proc as functions
where
    functions.pronamespace = 'authority'::regnamespace
    and obj_description(functions.oid, 'pg_proc') is null;
