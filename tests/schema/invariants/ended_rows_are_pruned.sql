-- A moment in a table that operators may not delete from, unless it is listed: it ends
-- nothing, or its row is kept after its end for a reason.
with known (name, columns, reason) as (
    values
    (
        'client_registrations',
        array['metadata_fetched_at'],
        'One a client at most, and deleted with it.'
    ),
    (
        'clients',
        array['metadata_valid_until'],
        'The document is fetched again, and families of the client go on.'
    ),
    (
        'client_secrets',
        array['valid_from', 'valid_until', 'last_used_at'],
        'A handful a client: their owner lists and deletes them.'
    ),
    (
        'licenses',
        array['valid_from', 'valid_until'],
        'The sale: validate reports an expired key, and its totals are the bill.'
    ),
    (
        'license_seats',
        array['leased_until'],
        'As many rows as seats: a seat whose lease has ended is free.'
    ),
    (
        'user_identities',
        array['last_used_at'],
        'A handful a user: their owner lists and unlinks them.'
    ),
    (
        'webauthn_credentials',
        array['clone_suspected_at', 'last_used_at'],
        'A handful a user: their owner lists and deletes them.'
    ),
    (
        'totp_credentials',
        array['pending_until', 'confirmed_at', 'last_used_at'],
        'A handful a user, and one pending: the next one replaces it.'
    ),
    ('recovery_codes', array['last_used_at'], 'One row a user.'),
    (
        'audit_chains',
        array['month', 'previous_month'],
        'Deleted by the owner with the partition of its month.'
    ),
    (
        'tenants',
        array['foreign_tokens_until'],
        'It ends tokens of the tenant, and not the tenant.'
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
    -- When a row was created or changed, or an epoch, which ends other rows.
    and columns.attname not in ('created_at', 'updated_at', 'tokens_valid_after')
    and not has_table_privilege('authority_maintenance', tables.oid, 'delete')
    and columns.attname <> all(coalesce(known.columns, '{}'));
