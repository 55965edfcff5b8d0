-- A default, a view or a function that reads the time without authority.clock(): tests
-- could not move it, and two columns of one row could disagree.
with texts (subject, definition) as (
    select
        format('%s.%I', columns.attrelid::regclass, columns.attname) as subject,
        pg_get_expr(defaults.adbin, defaults.adrelid) as definition
    from pg_catalog.pg_attrdef as defaults
    inner join pg_catalog.pg_attribute as columns
        on
            defaults.adrelid = columns.attrelid
            and defaults.adnum = columns.attnum
    inner join pg_catalog.pg_class as classes on defaults.adrelid = classes.oid
    where classes.relnamespace = 'authority'::regnamespace
    union all
    select
        views.oid::regclass::text as subject,
        pg_get_viewdef(views.oid) as definition
    from pg_catalog.pg_class as views
    where
        views.relnamespace = 'authority'::regnamespace
        and views.relkind = 'v'
    union all
    select
        functions.oid::regprocedure::text as subject,
        pg_get_functiondef(functions.oid) as definition
    from pg_catalog.pg_proc as functions
    where
        functions.pronamespace = 'authority'::regnamespace
        and functions.oid <> 'authority.clock()'::regprocedure
)

select texts.subject as offender
from texts
where
    texts.definition
    ~* '\m(now|(statement|clock|transaction)_timestamp)\M *\('
    or texts.definition ~* '\m(current|local)_?(timestamp|date|time)\M';
