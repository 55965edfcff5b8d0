-- A column that authority_reader may change, or that it may read although it holds a
-- secret, a hash of one, or a value that a code is redeemed with.
select tables.oid::regclass::text || '.' || columns.attname as offender
from pg_catalog.pg_class as tables
inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p', 'v', 'm', 'f')
    and columns.attnum > 0
    and not columns.attisdropped
    and (
        has_column_privilege(
            'authority_reader', tables.oid, columns.attnum, 'INSERT, UPDATE'
        )
        or columns.attname ~ 'hash|payload|code_challenge|nonce'
        and has_column_privilege(
            'authority_reader', tables.oid, columns.attnum, 'SELECT'
        )
    )
union all
select tables.oid::regclass::text as offender
from pg_catalog.pg_class as tables
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p', 'v', 'm', 'f')
    and has_table_privilege('authority_reader', tables.oid, 'DELETE');
