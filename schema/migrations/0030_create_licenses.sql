-- Creates licences and their seats. No RFC covers them: the row of a licence holds its
-- seller's policy for its end and for use beyond its limits.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0030_create_licenses');

create table if not exists authority.licenses (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    key_hash bytea not null,
    plan text collate "C" not null,
    seats bigint not null default 0,
    features text[] not null default '{}',
    limits jsonb not null default '{}',
    usage_period text not null default 'month',
    overage_policy text not null default 'refuse',
    valid_from timestamptz not null default authority.clock(),
    valid_until timestamptz,
    grace interval not null default '0',
    grace_policy text not null default 'full',
    status text not null default 'active',
    status_reason text,
    properties jsonb not null default '{}',
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint licenses_tenant_id_id_pk primary key (tenant_id, id),
    constraint licenses_tenant_id_key_hash_key unique (tenant_id, key_hash),
    constraint licenses_key_hash_check check (octet_length(key_hash) = 32),
    constraint licenses_plan_check
    check (authority.is_visible(plan) and char_length(plan) <= 255),
    constraint licenses_seats_check check (seats between 0 and 100000),
    constraint licenses_features_check
    check (
        array_position(features, null) is null
        and authority.is_text_list(features, 200, 255)
    ),
    constraint licenses_limits_check
    check (
        jsonb_typeof(limits) = 'object'
        and not jsonb_path_exists(
            limits,
            'strict $.* ? (
                @.type() != "null" && (
                    @.type() != "number"
                    || @ < 0 || @ > 9007199254740991 || @.floor() != @
                )
            )'
        )
        and authority.is_bounded_json(limits)
    ),
    constraint licenses_usage_period_check
    check (usage_period in ('day', 'month', 'year')),
    constraint licenses_overage_policy_check
    check (overage_policy in ('refuse', 'allow')),
    constraint licenses_valid_until_check check (valid_until > valid_from),
    constraint licenses_grace_check
    check (extract(month from grace) = 0 and extract(year from grace) = 0),
    constraint licenses_grace_policy_check check (grace_policy in ('full', 'keep')),
    constraint licenses_status_check
    check (status in ('active', 'suspended', 'revoked')),
    constraint licenses_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint licenses_status_reason_check check (char_length(status_reason) <= 2000),
    constraint licenses_moments_check
    check (
        least(valid_from, valid_until, created_at, updated_at) >= '1900-01-01Z'
        and greatest(
            valid_from,
            valid_until,
            created_at,
            updated_at
        ) < '9000-01-01Z'
    ),
    constraint licenses_durations_check
    check (
        least(grace) >= interval '0'
        and greatest(grace) <= interval '876600 hours'
    )
);

comment on table authority.licenses is
'What a tenant has bought: a plan with features, seats and limits, for a time.';
comment on column authority.licenses.tenant_id is 'Owner of the row.';
comment on column authority.licenses.id is 'Random.';
comment on column authority.licenses.key_hash is
'SHA-256 of the licence key, 32 octets. The key is never stored.';
comment on column authority.licenses.plan is 'Name of the plan.';
comment on column authority.licenses.seats is
'Number of rows in authority.license_seats. 0: the licence has no seats.';
comment on column authority.licenses.features is 'Names of its features.';
comment on column authority.licenses.limits is
'Object of metric to the limit in one usage_period: a whole number, or null for no
limit. A metric that is missing cannot be used.';
comment on column authority.licenses.usage_period is
'day, month or year, in UTC. Usage starts from 0 in each period.';
comment on column authority.licenses.overage_policy is
'refuse: a use beyond the limit fails. allow: it is recorded, and the receipt and the
total report the overage.';
comment on column authority.licenses.valid_from is
'The licence is refused before this time.';
comment on column authority.licenses.valid_until is
'From this time on the licence is in grace, then expired. Null: no end.';
comment on column authority.licenses.grace is
'How long the licence still works after valid_until, with a warning. Computed in UTC.';
comment on column authority.licenses.grace_policy is
'What the licence allows in grace. full: everything. keep: only the renewal of running
leases; no seat is newly taken and no use is recorded.';
comment on column authority.licenses.status is
'A suspended licence can become active again, a revoked one cannot.';
comment on column authority.licenses.status_reason is
'Why it is suspended or revoked. Null: it is neither, or no reason was recorded.';
comment on column authority.licenses.properties is
'Open object of the embedding service. The store never reads it.';
comment on column authority.licenses.created_at is 'When the row was inserted.';
comment on column authority.licenses.updated_at is 'When the row last changed.';
comment on column authority.licenses.row_version is
'Optimistic lock: an update names the version that it read.';

create table if not exists authority.license_seats (
    tenant_id uuid not null,
    license_id uuid not null,
    seat_number bigint not null,
    holder text collate "C",
    leased_until timestamptz,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint license_seats_tenant_id_license_id_seat_number_pk
    primary key (tenant_id, license_id, seat_number),
    constraint license_seats_tenant_id_license_id_holder_key
    unique (tenant_id, license_id, holder),
    constraint license_seats_holder_check
    check (authority.is_visible(holder) and char_length(holder) <= 256),
    constraint license_seats_holder_leased_until_check
    check ((holder is null) = (leased_until is null)),
    constraint license_seats_moments_check
    check (
        least(leased_until, created_at, updated_at) >= '1900-01-01Z'
        and greatest(leased_until, created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.license_seats is
'One seat of a licence, taken or free. A licence has as many rows as seats, so that no
race can assign one more.';
comment on column authority.license_seats.tenant_id is 'Owner of the row.';
comment on column authority.license_seats.license_id is 'The licence.';
comment on column authority.license_seats.seat_number is
'Number of the seat in its licence. A removed seat leaves a gap.';
comment on column authority.license_seats.holder is
'The current or last holder: a user, device or session. Null: checked in.';
comment on column authority.license_seats.leased_until is
'The seat is free for another holder from this time on. Never later than the end of the
licence. Null: checked in.';
comment on column authority.license_seats.created_at is 'When the row was inserted.';
comment on column authority.license_seats.updated_at is 'When the row last changed.';

call authority.isolate_tenants('authority.licenses');
call authority.isolate_tenants('authority.license_seats');

alter table authority.licenses
drop constraint if exists licenses_tenant_id_fk,
add constraint licenses_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

alter table authority.license_seats
drop constraint if exists license_seats_tenant_id_license_id_fk,
add constraint license_seats_tenant_id_license_id_fk
foreign key (tenant_id, license_id)
references authority.licenses (tenant_id, id) on delete cascade;

grant select, insert on authority.licenses, authority.license_seats to authority_app;
grant
update (
    plan,
    seats,
    features,
    limits,
    overage_policy,
    valid_from,
    valid_until,
    grace,
    grace_policy,
    status,
    status_reason,
    properties,
    updated_at,
    row_version
)
on authority.licenses to authority_app;
grant delete on authority.license_seats to authority_app;
grant update (holder, leased_until, updated_at)
on authority.license_seats to authority_app;
-- All columns but the hash of the key.
grant select (
    tenant_id,
    id,
    plan,
    seats,
    features,
    limits,
    usage_period,
    overage_policy,
    valid_from,
    valid_until,
    grace,
    grace_policy,
    status,
    status_reason,
    properties,
    created_at,
    updated_at,
    row_version
) on authority.licenses to authority_reader;
grant select on authority.license_seats to authority_reader;
