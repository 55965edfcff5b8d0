-- An expression whose value is stored, in an index or a generated column, or a function
-- that is declared immutable, and that uses the database's own collation: its value
-- differs after a restore under another locale.
with kept as (
    select
        indexes.indexrelid::regclass::text as name,
        concat(indexes.indexprs, indexes.indpred) as expression
    from pg_catalog.pg_index as indexes
    inner join pg_catalog.pg_class as classes on indexes.indexrelid = classes.oid
    where
        classes.relnamespace = 'authority'::regnamespace
        and not classes.relispartition
    union all
    select
        format('%s.%s', columns.attrelid::regclass, columns.attname) as name,
        defaults.adbin::text as expression
    from pg_catalog.pg_attribute as columns
    inner join pg_catalog.pg_attrdef as defaults
        on
            defaults.adrelid = columns.attrelid
            and defaults.adnum = columns.attnum
    inner join pg_catalog.pg_class as classes on columns.attrelid = classes.oid
    where
        classes.relnamespace = 'authority'::regnamespace
        and columns.attgenerated <> ''
    union all
    select
        functions.oid::regprocedure::text as name,
        functions.prosqlbody::text as expression
    from pg_catalog.pg_proc as functions
    where
        functions.pronamespace = 'authority'::regnamespace
        and functions.provolatile = 'i'
)

select kept.name as offender
from kept
where kept.expression ~ ':inputcollid 100\M'
union all
-- A body that is kept as text, where collations show in no tree.
select functions.oid::regprocedure::text as offender
from pg_catalog.pg_proc as functions
where
    functions.pronamespace = 'authority'::regnamespace
    and functions.provolatile = 'i'
    and functions.prosqlbody is null
    and functions.prosrc ~* '\m(lower|upper|initcap|casefold|ilike|order by)\M'
    and functions.prosrc !~ 'collate "C"';
