-- name: create(tenant_id, key_hash, plan, seats, features, limits, usage_period, valid_from, valid_until, grace, properties)^
-- The new licence with its free seats. A valid_from that is null means now.
-- @row License
with license as (
    insert into authority.licenses (
        tenant_id,
        key_hash,
        plan,
        seats,
        features,
        limits,
        usage_period,
        valid_from,
        valid_until,
        grace,
        properties
    )
    values (
        :tenant_id,
        :key_hash,
        :plan,
        :seats,
        :features,
        :limits,
        :usage_period,
        coalesce(:valid_from, authority.clock()),
        :valid_until,
        :grace,
        :properties
    )
    returning
        licenses.tenant_id,
        licenses.id,
        licenses.key_hash,
        licenses.plan,
        licenses.seats,
        licenses.features,
        licenses.limits,
        licenses.usage_period,
        licenses.valid_from,
        licenses.valid_until,
        licenses.grace,
        licenses.status,
        licenses.status_reason,
        licenses.properties,
        licenses.created_at,
        licenses.updated_at,
        licenses.row_version
),

new_seats as (
    insert into authority.license_seats (tenant_id, license_id, seat_number)
    select
        license.tenant_id,
        license.id,
        numbers.seat_number
    from license
    cross join generate_series(1::bigint, license.seats) as numbers (seat_number)
)

select
    license.tenant_id,
    license.id,
    license.key_hash,
    license.plan,
    license.seats,
    license.features,
    license.limits,
    license.usage_period,
    license.valid_from,
    license.valid_until,
    license.grace,
    license.status,
    license.status_reason,
    license.properties,
    license.created_at,
    license.updated_at,
    license.row_version
from license;

-- name: get_by_id(tenant_id, license_id)^
-- The licence with this id, valid or not, or no row.
select
    licenses.tenant_id,
    licenses.id,
    licenses.key_hash,
    licenses.plan,
    licenses.seats,
    licenses.features,
    licenses.limits,
    licenses.usage_period,
    licenses.valid_from,
    licenses.valid_until,
    licenses.grace,
    licenses.status,
    licenses.status_reason,
    licenses.properties,
    licenses.created_at,
    licenses.updated_at,
    licenses.row_version
from authority.licenses
where
    licenses.tenant_id = :tenant_id
    and licenses.id = :license_id;

-- name: get_by_key(tenant_id, key_hash)^
-- The licence whose key has this hash, valid or not, or no row.
select
    licenses.tenant_id,
    licenses.id,
    licenses.key_hash,
    licenses.plan,
    licenses.seats,
    licenses.features,
    licenses.limits,
    licenses.usage_period,
    licenses.valid_from,
    licenses.valid_until,
    licenses.grace,
    licenses.status,
    licenses.status_reason,
    licenses.properties,
    licenses.created_at,
    licenses.updated_at,
    licenses.row_version
from authority.licenses
where
    licenses.tenant_id = :tenant_id
    and licenses.key_hash = :key_hash;

-- name: validate(tenant_id, key_hash)^
-- What the key opens and in which state it is now: valid, grace, expired,
-- not_yet_valid, suspended or revoked; or no row when no licence of an active tenant
-- has it.
-- @row LicenseValidation
select
    licenses.tenant_id,
    licenses.id,
    licenses.plan,
    licenses.features,
    case
        when licenses.status = 'suspended' then 'suspended'
        when licenses.status = 'revoked' then 'revoked'
        when licenses.valid_from > authority.clock() then 'not_yet_valid'
        when licenses.valid_until is null or licenses.valid_until > authority.clock()
            then 'valid'
        when licenses.valid_until + licenses.grace > authority.clock() then 'grace'
        else 'expired'
    end as state,
    licenses.valid_until,
    licenses.valid_until + licenses.grace as usable_until,
    licenses.seats,
    (
        select count(*)
        from authority.license_seats
        where
            license_seats.tenant_id = :tenant_id
            and license_seats.license_id = licenses.id
            and license_seats.leased_until > authority.clock()
    ) as seats_taken
from authority.licenses
inner join authority.tenants on licenses.tenant_id = tenants.id
where
    licenses.tenant_id = :tenant_id
    and licenses.key_hash = :key_hash
    and tenants.status in ('active', 'trial');

-- name: set_status(tenant_id, license_id, status, reason)^
-- The licence with its new status, or no row: unknown, or revoked before.
update authority.licenses
set
    status = :status,
    status_reason = :reason,
    updated_at = authority.clock(),
    row_version = licenses.row_version + 1
where
    licenses.tenant_id = :tenant_id
    and licenses.id = :license_id
    and licenses.status <> 'revoked'
returning
    licenses.tenant_id,
    licenses.id,
    licenses.key_hash,
    licenses.plan,
    licenses.seats,
    licenses.features,
    licenses.limits,
    licenses.usage_period,
    licenses.valid_from,
    licenses.valid_until,
    licenses.grace,
    licenses.status,
    licenses.status_reason,
    licenses.properties,
    licenses.created_at,
    licenses.updated_at,
    licenses.row_version;

-- name: check_out_seat(tenant_id, license_id, holder, lease)^
-- The seat that the holder now has until the lease ends: its own one, or else a free
-- one; or no row when the licence is not usable or has no free seat.
-- @row LicenseSeat
-- @param holder notnull
with own as (
    update authority.license_seats
    set
        leased_until = authority.clock() + :lease,
        updated_at = authority.clock()
    from authority.usable_licenses
    where
        license_seats.tenant_id = :tenant_id
        and license_seats.license_id = :license_id
        and license_seats.holder = :holder
        and usable_licenses.tenant_id = license_seats.tenant_id
        and usable_licenses.id = license_seats.license_id
    returning
        license_seats.tenant_id,
        license_seats.license_id,
        license_seats.seat_number,
        license_seats.holder,
        license_seats.leased_until
),

free as (
    select
        candidates.tenant_id,
        candidates.license_id,
        candidates.seat_number
    from authority.license_seats as candidates
    inner join authority.usable_licenses
        on
            candidates.tenant_id = usable_licenses.tenant_id
            and candidates.license_id = usable_licenses.id
    where
        candidates.tenant_id = :tenant_id
        and candidates.license_id = :license_id
        and (candidates.holder is null or candidates.leased_until <= authority.clock())
        and not exists (select from own)
    order by candidates.seat_number
    limit 1
    for no key update of candidates skip locked
),

taken as (
    update authority.license_seats
    set
        holder = :holder,
        leased_until = authority.clock() + :lease,
        updated_at = authority.clock()
    from free
    where
        license_seats.tenant_id = :tenant_id
        and license_seats.license_id = free.license_id
        and license_seats.seat_number = free.seat_number
    returning
        license_seats.tenant_id,
        license_seats.license_id,
        license_seats.seat_number,
        license_seats.holder,
        license_seats.leased_until
)

select
    own.tenant_id,
    own.license_id,
    own.seat_number,
    own.holder,
    own.leased_until
from own
union all
select
    taken.tenant_id,
    taken.license_id,
    taken.seat_number,
    taken.holder,
    taken.leased_until
from taken;

-- name: renew_seat(tenant_id, license_id, holder, lease)^
-- The holder's seat with its lease prolonged from now, or no row when the lease had
-- ended or the licence is not usable any more.
-- @row LicenseSeat
update authority.license_seats
set
    leased_until = authority.clock() + :lease,
    updated_at = authority.clock()
from authority.usable_licenses
where
    license_seats.tenant_id = :tenant_id
    and license_seats.license_id = :license_id
    and license_seats.holder = :holder
    and license_seats.leased_until > authority.clock()
    and usable_licenses.tenant_id = license_seats.tenant_id
    and usable_licenses.id = license_seats.license_id
returning
    license_seats.tenant_id,
    license_seats.license_id,
    license_seats.seat_number,
    license_seats.holder,
    license_seats.leased_until;

-- name: check_in_seat(tenant_id, license_id, holder)!
-- Frees the holder's seat.
update authority.license_seats
set
    holder = null,
    leased_until = null,
    updated_at = authority.clock()
where
    license_seats.tenant_id = :tenant_id
    and license_seats.license_id = :license_id
    and license_seats.holder = :holder;

-- name: record_usage(tenant_id, license_id, metric, quantity, idempotency_key)^
-- Whether the use was recorded now (false: the key had been recorded before, nothing
-- changed) and the period's total after it; or no row when the licence is not usable
-- or does not name the metric. Fails when the limit would be exceeded.
-- @row UsageReceipt
with license as (
    select
        usable_licenses.tenant_id,
        usable_licenses.id,
        (usable_licenses.limits ->> :metric::text)::numeric::bigint as allowed,
        date_trunc(
            usable_licenses.usage_period, authority.clock() at time zone 'UTC'
        )::date
            as period_start
    from authority.usable_licenses
    where
        usable_licenses.tenant_id = :tenant_id
        and usable_licenses.id = :license_id
        and usable_licenses.limits ? :metric
),

entry as (
    insert into authority.license_usage (
        tenant_id,
        license_id,
        metric,
        idempotency_key,
        period_start,
        quantity
    )
    select
        license.tenant_id,
        license.id,
        :metric,
        :idempotency_key,
        license.period_start,
        :quantity
    from license
    on conflict (tenant_id, license_id, metric, idempotency_key) do nothing
    returning license_usage.quantity
),

total as (
    insert into authority.license_usage_totals (
        tenant_id,
        license_id,
        metric,
        period_start,
        used,
        allowed
    )
    select
        license.tenant_id,
        license.id,
        :metric,
        license.period_start,
        entry.quantity,
        license.allowed
    from license
    cross join entry
    on conflict (tenant_id, license_id, metric, period_start) do update
        set
            used = license_usage_totals.used + excluded.used,
            allowed = excluded.allowed,
            updated_at = authority.clock()
    returning license_usage_totals.used
)

select
    total.used is not null as recorded,
    total.used,
    license.allowed,
    license.period_start
from license
left join total on true;

-- name: list_usage(tenant_id, license_id, metric, from_period)
-- The total of one metric and period, newest period first. A metric that is null
-- keeps all; a from_period that is null, all periods.
-- @row UsageTotal
select
    license_usage_totals.tenant_id,
    license_usage_totals.license_id,
    license_usage_totals.metric,
    license_usage_totals.period_start,
    license_usage_totals.used,
    license_usage_totals.allowed
from authority.license_usage_totals
where
    license_usage_totals.tenant_id = :tenant_id
    and license_usage_totals.license_id = :license_id
    and (:metric::text is null or license_usage_totals.metric = :metric)
    and (
        :from_period::date is null
        or license_usage_totals.period_start >= :from_period
    )
order by license_usage_totals.period_start desc, license_usage_totals.metric asc;
