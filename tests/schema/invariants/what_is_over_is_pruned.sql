-- A moment in a table that operators do not prune, and that is not known to end
-- nothing, or to end a row that is kept for a reason.
with known (name, columns, reason) as (
    values
    (
        'client_secrets',
        array['valid_from', 'valid_until', 'last_used_at'],
        'A handful a client, which clients.list_secrets shows and its owner deletes.'
    ),
    (
        'licenses',
        array['valid_from', 'valid_until'],
        'What was sold: its key is told that it expired, and its totals are the bill.'
    ),
    (
        'license_seats',
        array['leased_until'],
        'As many rows as seats: one whose lease is over is free.'
    ),
    ('license_usage_totals', array['period_start', 'period_end'], 'The bill.')
)

select format('%s.%I', tables.oid::regclass, columns.attname) as offender
from pg_catalog.pg_class as tables
inner join pg_catalog.pg_attribute as columns on tables.oid = columns.attrelid
left join known on tables.relname = known.name
where
    tables.relnamespace = 'authority'::regnamespace
    and tables.relkind in ('r', 'p')
    and not tables.relispartition
    and columns.attnum > 0
    and not columns.attisdropped
    and columns.atttypid in (
        'timestamptz'::regtype,
        'timestamp'::regtype,
        'date'::regtype,
        'tstzrange'::regtype
    )
    -- When a row was made and changed, and an epoch, which ends what others are.
    and columns.attname not in ('created_at', 'updated_at', 'tokens_valid_after')
    and not has_table_privilege('authority_maintenance', tables.oid, 'delete')
    and columns.attname <> all(coalesce(known.columns, '{}'));
