-- A stored column without a bound: a moment or duration whose sum could become
-- unreadable; a text, list, document or octets of any length. Moments and durations
-- have one check a table, of all its columns; others have their own, or are one of a
-- few texts.
with stored as (
    select
        tables.oid as table_oid,
        tables.relname as table_name,
        columns.attnum,
        columns.attname as name,
        columns.atttypid::regtype::text as type
    from pg_catalog.pg_class as tables
    inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
    where
        tables.relnamespace = 'authority'::regnamespace
        and tables.relkind in ('r', 'p')
        and columns.attnum > 0
        and not columns.attisdropped
),

checks as (
    select
        constraints.conrelid as table_oid,
        pg_get_expr(constraints.conbin, constraints.conrelid) as expression
    from pg_catalog.pg_constraint as constraints
    where
        constraints.contype = 'c'
        and constraints.convalidated
        -- PostgreSQL 18 has checks that are not enforced.
        and to_jsonb(constraints) ->> 'conenforced' is distinct from 'false'
),

ranges as (
    select
        stored.table_oid,
        stored.type,
        format(
            case stored.type
                when 'interval' then '((LEAST(%1$s) >= %2$L::%4$s)'
                || ' AND (GREATEST(%1$s) <= %3$L::%4$s))'
                else '((LEAST(%1$s) >= %2$L::%4$s) AND (GREATEST(%1$s) < %3$L::%4$s))'
            end,
            string_agg(stored.name, ', ' order by stored.attnum),
            case stored.type
                when 'interval' then (interval '0')::text
                else (timestamptz '1900-01-01Z')::text
            end,
            case stored.type
                when 'interval' then (interval '876600 hours')::text
                else (timestamptz '9000-01-01Z')::text
            end,
            stored.type
        ) as expression
    from stored
    where stored.type in ('timestamp with time zone', 'interval')
    group by stored.table_oid, stored.type
),

terms as (
    select
        stored.table_oid,
        stored.attnum,
        case stored.type
            when 'text'
                then format(
                    '\(char_length\(%1$s\) <?= \d+\)|\(%1$s = ANY \(ARRAY\[',
                    stored.name
                )
            when 'bytea' then format('\(octet_length\(%s\) <?= \d+\)', stored.name)
            when 'jsonb' then format('authority\.is_bounded_json\(%s\)', stored.name)
            when 'text[]'
                then format(
                    'authority\.is_((scope|resource)_list\(%1$s\)|text_list\(%1$s, )',
                    stored.name
                )
            else format('\(cardinality\(%s\) <= \d+\)', stored.name)
        end as pattern
    from stored
    where stored.type in ('text', 'bytea', 'jsonb', 'json') or stored.type like '%[]'
)

select ranges.table_oid::regclass::text || ': ' || ranges.type as offender
from ranges
where
    not exists (
        select from checks
        where
            checks.table_oid = ranges.table_oid
            and checks.expression = ranges.expression
    )
union all
select terms.table_oid::regclass::text || '.' || stored.name as offender
from terms
inner join stored
    on terms.table_oid = stored.table_oid and terms.attnum = stored.attnum
where
    not exists (
        select from checks
        where
            checks.table_oid = terms.table_oid
            and checks.expression ~ terms.pattern
            and checks.expression !~ '\mOR\M'
    );
