-- A table without created_at timestamptz not null.
select tables.oid::regclass::text as offender
from pg_catalog.pg_class as tables
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p')
    and not exists (
        select from pg_catalog.pg_attribute as columns
        where
            columns.attrelid = tables.oid
            and columns.attname = 'created_at'
            and columns.atttypid = 'timestamptz'::regtype
            and columns.attnotnull
    );
