-- A table, column or function without a comment. A view's column that passes on a
-- column of a table or of another view is explained by the comment of that column. A
-- partition needs no comments on its columns: its parent has them.
with recursive columns as (
    select
        tables.oid as table_oid,
        attributes.attnum as number,
        attributes.attname as name,
        tables.relkind = 'v' as is_of_view,
        col_description(tables.oid, attributes.attnum) is not null as is_commented
    from pg_catalog.pg_class as tables
    inner join pg_catalog.pg_attribute as attributes
        on tables.oid = attributes.attrelid
    where
        tables.relnamespace = 'authority'::regnamespace
        and tables.relkind in ('r', 'p', 'v', 'm')
        and not tables.relispartition
        and attributes.attnum > 0
        and not attributes.attisdropped
),

-- What PostgreSQL itself notes of each output of a view: the column that it passes on.
passed_on as (
    select
        columns.table_oid,
        columns.number,
        origins.parts[1]::oid as origin_table_oid,
        origins.parts[2]::smallint as origin_number
    from columns
    inner join pg_catalog.pg_rewrite on columns.table_oid = pg_rewrite.ev_class
    cross join lateral regexp_matches(
        pg_rewrite.ev_action::text,
        format(
            ':resno %s :resname %s :ressortgroupref \d+ '
            ':resorigtbl ([1-9]\d*) :resorigcol (\d+)',
            columns.number,
            columns.name
        ),
        'g'
    ) as origins (parts)
    where columns.is_of_view
),

explained as (
    select
        columns.table_oid,
        columns.number
    from columns
    where columns.is_commented
    union
    select
        passed_on.table_oid,
        passed_on.number
    from explained
    inner join passed_on
        on
            explained.table_oid = passed_on.origin_table_oid
            and explained.number = passed_on.origin_number
)

select tables.oid::regclass::text as offender
from pg_catalog.pg_class as tables
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p', 'v', 'm')
    and obj_description(tables.oid, 'pg_class') is null
union all
select columns.table_oid::regclass::text || '.' || columns.name as offender
from columns
where (columns.table_oid, columns.number) not in (
    select
        explained.table_oid,
        explained.number
    from explained
)
union all
select functions.oid::regprocedure::text as offender
from pg_catalog.pg_proc as functions
where
    functions.pronamespace = 'authority'::regnamespace
    and obj_description(functions.oid, 'pg_proc') is null;
