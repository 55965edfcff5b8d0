-- All tables and views with their columns. reltuples is -1 before the first analyze.
select
    pg_namespace.nspname as schema,
    pg_class.relname as name,
    nullif(pg_class.reltuples, -1)::bigint as estimated,
    array_agg(pg_attribute.attname::text order by pg_attribute.attnum) as columns
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
where
    pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
    and pg_namespace.nspname !~ '^(pg_|information_schema$)'
    and pg_attribute.attnum > 0
    and not pg_attribute.attisdropped
group by pg_namespace.nspname, pg_class.relname, pg_class.reltuples;
