-- Creates licences, their seats, and their usage. No RFC rules them: what a licence
-- allows at its end and beyond its limits is the policy of who sold it, kept in its
-- row.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role authority_owner;

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
    constraint licenses_tenant_id_fk foreign key (tenant_id)
    references authority.tenants (id),
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
comment on column authority.licenses.plan is 'Name of what was bought.';
comment on column authority.licenses.seats is
'Rows in authority.license_seats. 0: the licence has no seats.';
comment on column authority.licenses.features is 'Names of features it opens.';
comment on column authority.licenses.limits is
'Object of metric to the most that one usage_period allows, a whole number; null: no
limit. A metric that is not named cannot be used.';
comment on column authority.licenses.usage_period is
'day, month or year, in UTC: when usage starts again from 0.';
comment on column authority.licenses.overage_policy is
'What happens to a use beyond its limit. refuse: it fails. allow: it is recorded, and
the receipt and the total tell the overage.';
comment on column authority.licenses.valid_from is 'Before it the licence is refused.';
comment on column authority.licenses.valid_until is
'From then on it is in grace, then expired. Null: no end.';
comment on column authority.licenses.grace is
'How long after valid_until it still works, with a warning. Counted in UTC.';
comment on column authority.licenses.grace_policy is
'What it still does in grace. full: everything. keep: leases that run are renewed, but
no seat is taken anew and no use is recorded.';
comment on column authority.licenses.status is
'suspended can become active again, revoked cannot.';
comment on column authority.licenses.status_reason is
'Why it is suspended or revoked. Null: it is not, or nobody said.';
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
    constraint license_seats_tenant_id_license_id_fk
    foreign key (tenant_id, license_id)
    references authority.licenses (tenant_id, id) on delete cascade,
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
'One seat of a licence, taken or free. As many rows as seats, so that no race can
hand out one more.';
comment on column authority.license_seats.tenant_id is 'Owner of the row.';
comment on column authority.license_seats.license_id is 'The licence.';
comment on column authority.license_seats.seat_number is
'Tells the seats of a licence apart. A seat that was taken away leaves a gap.';
comment on column authority.license_seats.holder is
'Who holds it, or held it last: a user, device or session. Null: checked in.';
comment on column authority.license_seats.leased_until is
'From then on it is free for another holder; the licence''s own end at the latest. Null:
checked in.';
comment on column authority.license_seats.created_at is 'When the row was inserted.';
comment on column authority.license_seats.updated_at is 'When the row last changed.';

create table if not exists authority.license_usage (
    tenant_id uuid not null,
    license_id uuid not null,
    metric text collate "C" not null,
    idempotency_key text collate "C" not null,
    period_start date not null,
    period_end date not null,
    quantity bigint not null,
    corrects text collate "C",
    created_at timestamptz not null default authority.clock(),
    constraint license_usage_tenant_id_license_id_metric_idempotency_key_pk
    primary key (tenant_id, license_id, metric, idempotency_key),
    constraint license_usage_tenant_id_license_id_fk
    foreign key (tenant_id, license_id)
    references authority.licenses (tenant_id, id) on delete cascade,
    constraint license_usage_idempotency_key_check
    check (
        authority.is_visible(idempotency_key) and char_length(idempotency_key) <= 255
    ),
    constraint license_usage_period_end_check check (period_end > period_start),
    constraint license_usage_corrects_check
    check (authority.is_visible(corrects) and char_length(corrects) <= 255),
    constraint license_usage_metric_check
    check (authority.is_visible(metric) and char_length(metric) <= 255),
    constraint license_usage_moments_check
    check (
        least(created_at) >= '1900-01-01Z'
        and greatest(created_at) < '9000-01-01Z'
    ),
    constraint license_usage_quantity_check check (
        quantity
        between case when corrects is null then 1 else -1000000000000 end
        and case when corrects is null then 1000000000000 else -1 end
    )
);

comment on table authority.license_usage is
'Ledger: one use of one metric, recorded once however often it is reported, or one
correction, which takes a use back. Append-only. Pruned some time after its period; the
total stays.';
comment on column authority.license_usage.tenant_id is 'Owner of the row.';
comment on column authority.license_usage.license_id is 'The licence that is used.';
comment on column authority.license_usage.metric is 'A name in licenses.limits.';
comment on column authority.license_usage.idempotency_key is
'The reporter''s name for this use: the same key again records nothing, until the row
is pruned.';
comment on column authority.license_usage.period_start is
'First day (UTC) of the usage_period that it counts in.';
comment on column authority.license_usage.period_end is
'First day (UTC) after that period.';
comment on column authority.license_usage.quantity is
'How much was used, at most 10^12. Below 0 in a correction: how much was not used.';
comment on column authority.license_usage.corrects is
'idempotency_key of the use that this row takes back, once. Null: this is a use.';
comment on column authority.license_usage.created_at is 'When it was recorded.';

-- Serves licenses.correct_usage: a use is taken back once.
create unique index if not exists license_usage_tenant_id_license_id_metric_corrects_key
on authority.license_usage (tenant_id, license_id, metric, corrects)
where corrects is not null;
-- Serves licenses.prune_usage.
create index if not exists license_usage_period_end_idx
on authority.license_usage (period_end);

create table if not exists authority.license_usage_totals (
    tenant_id uuid not null,
    license_id uuid not null,
    metric text collate "C" not null,
    period_start date not null,
    period_end date not null,
    used bigint not null,
    allowed bigint,
    overage_policy text not null,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint license_usage_totals_license_id_metric_period_start_pk
    primary key (tenant_id, license_id, metric, period_start),
    constraint license_usage_totals_tenant_id_license_id_fk
    foreign key (tenant_id, license_id)
    references authority.licenses (tenant_id, id) on delete cascade,
    constraint license_usage_totals_period_end_check check (period_end > period_start),
    constraint license_usage_totals_overage_policy_check
    check (overage_policy in ('refuse', 'allow')),
    constraint license_usage_totals_used_check
    check (allowed is null or used <= allowed or overage_policy = 'allow'),
    constraint license_usage_totals_metric_check
    check (authority.is_visible(metric) and char_length(metric) <= 255),
    constraint license_usage_totals_moments_check
    check (
        least(created_at, updated_at) >= '1900-01-01Z'
        and greatest(created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.license_usage_totals is
'Sum of the ledger for one metric and period, kept when the ledger is pruned. Its check
is what makes a limit hold: the use that would exceed it fails, ledger entry included.';
comment on column authority.license_usage_totals.tenant_id is 'Owner of the row.';
comment on column authority.license_usage_totals.license_id is
'The licence that is used.';
comment on column authority.license_usage_totals.metric is
'A name in licenses.limits.';
comment on column authority.license_usage_totals.period_start is
'First day (UTC) of the period.';
comment on column authority.license_usage_totals.period_end is
'First day (UTC) after the period.';
comment on column authority.license_usage_totals.used is
'Sum of license_usage.quantity.';
comment on column authority.license_usage_totals.allowed is
'The limit when the metric was last used. Null: none.';
comment on column authority.license_usage_totals.overage_policy is
'As licenses.overage_policy when the metric was last used; here, for the check.';
comment on column authority.license_usage_totals.created_at is
'When the metric was first used in the period.';
comment on column authority.license_usage_totals.updated_at is
'When the metric was last used in the period.';

create or replace view authority.license_states
with (security_invoker = true) as
with terms as (
    select
        licenses.tenant_id,
        licenses.id,
        licenses.key_hash,
        licenses.plan,
        licenses.seats,
        licenses.features,
        licenses.limits,
        licenses.overage_policy,
        date_trunc(licenses.usage_period, authority.clock() at time zone 'UTC')
            as period_begin,
        ('1 ' || licenses.usage_period)::interval as period,
        licenses.valid_from,
        licenses.valid_until,
        (licenses.valid_until at time zone 'UTC' + licenses.grace) at time zone 'UTC'
            as usable_until,
        licenses.grace_policy,
        licenses.status
    from authority.licenses
    inner join authority.tenants on licenses.tenant_id = tenants.id
    where tenants.status in ('active', 'trial')
)

select
    terms.tenant_id,
    terms.id,
    terms.key_hash,
    terms.plan,
    terms.seats,
    terms.features,
    terms.limits,
    terms.overage_policy,
    terms.period_begin::date as period_start,
    (terms.period_begin + terms.period)::date as period_end,
    terms.valid_until,
    case terms.grace_policy
        when 'full' then terms.usable_until
        else terms.valid_until
    end as grows_until,
    terms.usable_until,
    case
        when terms.status = 'suspended' then 'suspended'
        when terms.status = 'revoked' then 'revoked'
        when terms.valid_from > authority.clock() then 'not_yet_valid'
        when terms.usable_until <= authority.clock() then 'expired'
        when terms.valid_until <= authority.clock() then 'grace'
        else 'valid'
    end as state
from terms;

comment on view authority.license_states is
'In which state each licence of an active tenant is now, by the database''s clock, and
what follows from it: in one place, for every query.';
comment on column authority.license_states.tenant_id is
'As authority.licenses.tenant_id.';
comment on column authority.license_states.id is 'As authority.licenses.id.';
comment on column authority.license_states.key_hash is
'As authority.licenses.key_hash.';
comment on column authority.license_states.plan is 'As authority.licenses.plan.';
comment on column authority.license_states.seats is 'As authority.licenses.seats.';
comment on column authority.license_states.features is
'As authority.licenses.features.';
comment on column authority.license_states.limits is 'As authority.licenses.limits.';
comment on column authority.license_states.overage_policy is
'As authority.licenses.overage_policy.';
comment on column authority.license_states.period_start is
'First day (UTC) of the usage_period that is running.';
comment on column authority.license_states.period_end is
'First day (UTC) after that period.';
comment on column authority.license_states.valid_until is
'As authority.licenses.valid_until.';
comment on column authority.license_states.grows_until is
'From then on no seat is taken anew and no use is recorded: usable_until, or valid_until
under the grace policy keep. Null: no end.';
comment on column authority.license_states.usable_until is
'When its grace ends. Null: no end.';
comment on column authority.license_states.state is
'suspended, revoked, not_yet_valid, valid, grace or expired: the first that is true.';

create or replace view authority.usable_licenses
with (security_invoker = true) as
select
    license_states.tenant_id,
    license_states.id,
    license_states.limits,
    license_states.overage_policy,
    license_states.period_start,
    license_states.period_end,
    license_states.usable_until,
    coalesce(license_states.grows_until > authority.clock(), true) as may_grow
from authority.license_states
where license_states.state in ('valid', 'grace');

comment on view authority.usable_licenses is
'What a usable licence is, in one place: valid or in grace, and of an active tenant.';
comment on column authority.usable_licenses.tenant_id is
'As authority.licenses.tenant_id.';
comment on column authority.usable_licenses.id is 'As authority.licenses.id.';
comment on column authority.usable_licenses.limits is 'As authority.licenses.limits.';
comment on column authority.usable_licenses.overage_policy is
'As authority.licenses.overage_policy.';
comment on column authority.usable_licenses.period_start is
'As authority.license_states.period_start.';
comment on column authority.usable_licenses.period_end is
'As authority.license_states.period_end.';
comment on column authority.usable_licenses.usable_until is
'As authority.license_states.usable_until.';
comment on column authority.usable_licenses.may_grow is
'Whether seats are taken anew and uses recorded: not in grace under the policy keep.';

create or replace function authority.await_seat(
    tenant_id uuid, license_id uuid, holder text
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    perform from authority.licenses
    where
        licenses.tenant_id = await_seat.tenant_id
        and licenses.id = await_seat.license_id
    for no key update;
    -- A statement of its own: it sees what was committed while the lock was waited for.
    return (
        select license_seats.seat_number
        from authority.license_seats
        where
            license_seats.tenant_id = await_seat.tenant_id
            and license_seats.license_id = await_seat.license_id
            and license_seats.holder = await_seat.holder
    );
end
$$;

comment on function authority.await_seat(uuid, uuid, text) is
'Locks the licence, and returns the seat that the holder has or had last; or null. Of
two who ask for one holder the second one is told what the first one got. A function,
as a statement does not see what was committed since it began.';

call authority.isolate_tenants('authority.licenses');
call authority.isolate_tenants('authority.license_seats');
call authority.isolate_tenants('authority.license_usage');
call authority.isolate_tenants('authority.license_usage_totals');
call authority.let_operators_prune('authority.license_usage');

grant select, insert
on authority.licenses,
authority.license_seats,
authority.license_usage,
authority.license_usage_totals
to authority_app;
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
grant update (used, allowed, overage_policy, updated_at)
on authority.license_usage_totals to authority_app;
grant select on authority.license_states, authority.usable_licenses to authority_app;
revoke execute on function authority.await_seat(uuid, uuid, text) from public;
grant execute on function authority.await_seat(uuid, uuid, text) to authority_app;
grant
select (tenant_id, license_id, metric, idempotency_key, period_end),
update (created_at),
delete
on authority.license_usage to authority_maintenance;
-- Everything but the hash of the key.
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
grant select
on authority.license_seats,
authority.license_usage,
authority.license_usage_totals
to authority_reader;
