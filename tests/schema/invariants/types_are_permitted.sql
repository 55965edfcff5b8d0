-- A column of a type that this schema does not use: varchar(n), timestamp without time
-- zone, json, integers of fewer than 64 bits, serial.
select columns.attrelid::regclass::text || '.' || columns.attname as offender
from pg_catalog.pg_attribute as columns
inner join pg_catalog.pg_class as tables on columns.attrelid = tables.oid
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p')
    and columns.attnum > 0
    and not columns.attisdropped
    and format_type(columns.atttypid, columns.atttypmod) not in (
        'uuid', 'uuid[]', 'text', 'text[]', 'bigint', 'boolean', 'bytea', 'bytea[]',
        'jsonb', 'date', 'interval', 'inet', 'cidr', 'timestamp with time zone'
    );
