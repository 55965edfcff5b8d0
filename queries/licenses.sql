-- name: create(tenant_id, key_hash, plan, seats, features, limits, usage_period, overage_policy, valid_from, valid_until, grace, grace_policy, properties)^
-- The new licence with its free seats. A null valid_from means now.
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
        overage_policy,
        valid_from,
        valid_until,
        grace,
        grace_policy,
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
        :overage_policy,
        coalesce(:valid_from, authority.clock()),
        :valid_until,
        :grace,
        :grace_policy,
        :properties
    )
    returning
        licenses.tenant_id, licenses.id, licenses.key_hash, licenses.plan,
        licenses.seats, licenses.features, licenses.limits, licenses.usage_period,
        licenses.overage_policy, licenses.valid_from, licenses.valid_until,
        licenses.grace, licenses.grace_policy, licenses.status, licenses.status_reason,
        licenses.properties, licenses.created_at, licenses.updated_at,
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
    license.overage_policy,
    license.valid_from,
    license.valid_until,
    license.grace,
    license.grace_policy,
    license.status,
    license.status_reason,
    license.properties,
    license.created_at,
    license.updated_at,
    license.row_version
from license;

-- name: get_by_id(tenant_id, license_id)^
-- The licence with this id, valid or not, or no row.
-- @row License
select
    licenses.tenant_id, licenses.id, licenses.key_hash, licenses.plan, licenses.seats,
    licenses.features, licenses.limits, licenses.usage_period, licenses.overage_policy,
    licenses.valid_from, licenses.valid_until, licenses.grace, licenses.grace_policy,
    licenses.status, licenses.status_reason, licenses.properties, licenses.created_at,
    licenses.updated_at, licenses.row_version
from authority.licenses
where
    licenses.tenant_id = :tenant_id
    and licenses.id = :license_id;

-- name: get_by_key(tenant_id, key_hash)^
-- The licence whose key has this hash, valid or not, or no row.
-- @row License
select
    licenses.tenant_id, licenses.id, licenses.key_hash, licenses.plan, licenses.seats,
    licenses.features, licenses.limits, licenses.usage_period, licenses.overage_policy,
    licenses.valid_from, licenses.valid_until, licenses.grace, licenses.grace_policy,
    licenses.status, licenses.status_reason, licenses.properties, licenses.created_at,
    licenses.updated_at, licenses.row_version
from authority.licenses
where
    licenses.tenant_id = :tenant_id
    and licenses.key_hash = :key_hash;

-- name: validate(tenant_id, key_hash)^
-- What the key grants, and its state now: valid, grace, expired, not_yet_valid,
-- suspended or revoked; or no row when no licence of an active tenant has this
-- key. The view authority.license_states defines the states.
-- @row LicenseValidation
select
    license_states.tenant_id,
    license_states.id,
    license_states.plan,
    license_states.features,
    license_states.state,
    license_states.valid_until,
    license_states.grows_until,
    license_states.usable_until,
    license_states.seats,
    (
        select count(*)
        from authority.license_seats
        where
            license_seats.tenant_id = :tenant_id
            and license_seats.license_id = license_states.id
            and license_seats.leased_until > authority.clock()
    ) as seats_taken
from authority.license_states
where
    license_states.tenant_id = :tenant_id
    and license_states.key_hash = :key_hash;

-- name: update(tenant_id, license_id, row_version, plan, seats, features, limits, overage_policy, valid_from, valid_until, grace, grace_policy, properties)^
-- The changed licence, or no row when the licence is not at this version or is
-- revoked. When seats are removed, free seats go first, then those whose lease
-- ends first. A lease that would outlive the licence's new end is shortened to it.
-- Recorded usage stays: a limit below it allows no further use.
-- @row License
with license as (
    update authority.licenses
    set
        plan = :plan,
        seats = :seats,
        features = :features,
        limits = :limits,
        overage_policy = :overage_policy,
        valid_from = :valid_from,
        valid_until = :valid_until,
        grace = :grace,
        grace_policy = :grace_policy,
        properties = :properties,
        updated_at = authority.clock(),
        row_version = licenses.row_version + 1
    where
        licenses.tenant_id = :tenant_id
        and licenses.id = :license_id
        and licenses.row_version = :row_version
        and licenses.status <> 'revoked'
    returning
        licenses.tenant_id, licenses.id, licenses.key_hash, licenses.plan,
        licenses.seats, licenses.features, licenses.limits, licenses.usage_period,
        licenses.overage_policy, licenses.valid_from, licenses.valid_until,
        licenses.grace, licenses.grace_policy, licenses.status, licenses.status_reason,
        licenses.properties, licenses.created_at, licenses.updated_at,
        licenses.row_version,
        (licenses.valid_until at time zone 'UTC' + licenses.grace)
        at time zone 'UTC' as usable_until
),

-- The seats before this statement. Their number is right, because every change of it
-- locks the licence.
had as (
    select
        license_seats.tenant_id,
        license_seats.license_id,
        license_seats.seat_number
    from authority.license_seats
    where
        license_seats.tenant_id = :tenant_id
        and license_seats.license_id = :license_id
),

change as (
    select license.seats - (select count(*) from had) as growth
    from license
),

added as (
    insert into authority.license_seats (tenant_id, license_id, seat_number)
    select
        license.tenant_id,
        license.id,
        numbers.seat_number
    from license
    cross join lateral (
        select series.seat_number
        from generate_series(1::bigint, license.seats) as series (seat_number)
        where series.seat_number not in (select had.seat_number from had)
        order by series.seat_number
        limit greatest((select change.growth from change), 0)
    ) as numbers
),

excess as (
    select
        license_seats.tenant_id,
        license_seats.license_id,
        license_seats.seat_number
    from license
    inner join authority.license_seats
        on
            license_seats.tenant_id = :tenant_id
            and license.id = license_seats.license_id
    order by
        license_seats.leased_until > authority.clock() is true asc,
        license_seats.leased_until asc,
        license_seats.seat_number desc
    limit greatest(-(select change.growth from change), 0)
    for update of license_seats
),

removed as (
    delete from authority.license_seats
    using excess
    where
        license_seats.tenant_id = :tenant_id
        and license_seats.license_id = excess.license_id
        and license_seats.seat_number = excess.seat_number
),

shortened as (
    update authority.license_seats
    set
        leased_until = license.usable_until,
        updated_at = authority.clock()
    from license
    where
        license_seats.tenant_id = :tenant_id
        and license_seats.license_id = license.id
        and license_seats.leased_until > license.usable_until
        and license_seats.seat_number not in (select excess.seat_number from excess)
)

select
    license.tenant_id, license.id, license.key_hash, license.plan, license.seats,
    license.features, license.limits, license.usage_period, license.overage_policy,
    license.valid_from, license.valid_until, license.grace, license.grace_policy,
    license.status, license.status_reason, license.properties, license.created_at,
    license.updated_at, license.row_version
from license;

-- name: set_status(tenant_id, license_id, status, reason)^
-- The licence with its new status, or no row when it is unknown or was revoked
-- before.
-- @row License
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
    licenses.tenant_id, licenses.id, licenses.key_hash, licenses.plan, licenses.seats,
    licenses.features, licenses.limits, licenses.usage_period, licenses.overage_policy,
    licenses.valid_from, licenses.valid_until, licenses.grace, licenses.grace_policy,
    licenses.status, licenses.status_reason, licenses.properties, licenses.created_at,
    licenses.updated_at, licenses.row_version;

-- name: check_out_seat(tenant_id, license_id, holder, lease)^
-- The seat that the holder now has until the lease ends, or until the licence ends
-- if that is sooner: the holder's own seat, or else a free one. No row when the
-- licence is not usable or has no free seat. Policy: in the grace period with the
-- policy keep, only the holder of a running lease gets its seat.
-- @row LicenseSeat
-- @param holder notnull
with held as (
    update authority.license_seats
    set
        leased_until
        = least(authority.clock() + :lease, usable_licenses.usable_until),
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
        license_seats.tenant_id, license_seats.license_id, license_seats.seat_number,
        license_seats.holder, license_seats.leased_until
),

-- The holder's seat, if its lease has ended or if the holder got it after this
-- statement began. In the second case the statement's snapshot shows the seat as free
-- or as another holder's. The licence is locked, so the seat number is right.
own as (
    update authority.license_seats
    set
        holder = :holder,
        leased_until
        = least(authority.clock() + :lease, usable_licenses.usable_until),
        updated_at = authority.clock()
    from authority.usable_licenses
    where
        license_seats.tenant_id = :tenant_id
        and license_seats.license_id = :license_id
        and license_seats.seat_number
        = (select authority.await_seat(:tenant_id, :license_id, :holder))
        and usable_licenses.tenant_id = license_seats.tenant_id
        and usable_licenses.id = license_seats.license_id
        and usable_licenses.may_grow
        and not exists (select from held)
    returning
        license_seats.tenant_id, license_seats.license_id, license_seats.seat_number,
        license_seats.holder, license_seats.leased_until
),

free as (
    select
        candidates.tenant_id,
        candidates.license_id,
        candidates.seat_number,
        usable_licenses.usable_until
    from authority.license_seats as candidates
    inner join authority.usable_licenses
        on
            candidates.tenant_id = usable_licenses.tenant_id
            and candidates.license_id = usable_licenses.id
    where
        candidates.tenant_id = :tenant_id
        and candidates.license_id = :license_id
        and usable_licenses.may_grow
        and (candidates.holder is null or candidates.leased_until <= authority.clock())
        and not exists (select from held)
        and not exists (select from own)
    order by candidates.seat_number
    limit 1
    for no key update of candidates skip locked
),

taken as (
    update authority.license_seats
    set
        holder = :holder,
        leased_until = least(authority.clock() + :lease, free.usable_until),
        updated_at = authority.clock()
    from free
    where
        license_seats.tenant_id = :tenant_id
        and license_seats.license_id = free.license_id
        and license_seats.seat_number = free.seat_number
    returning
        license_seats.tenant_id, license_seats.license_id, license_seats.seat_number,
        license_seats.holder, license_seats.leased_until
)

select
    held.tenant_id,
    held.license_id,
    held.seat_number,
    held.holder,
    held.leased_until
from held
union all
select
    own.tenant_id, own.license_id, own.seat_number, own.holder, own.leased_until
from own
union all
select
    taken.tenant_id, taken.license_id, taken.seat_number, taken.holder,
    taken.leased_until
from taken;

-- name: renew_seat(tenant_id, license_id, holder, lease)^
-- The holder's seat with its lease extended from now, at most to the licence's
-- end, or no row when the lease has ended or the licence is no longer usable.
-- Policy: renewal is always possible in the grace period.
-- @row LicenseSeat
update authority.license_seats
set
    leased_until = least(authority.clock() + :lease, usable_licenses.usable_until),
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
    license_seats.tenant_id, license_seats.license_id, license_seats.seat_number,
    license_seats.holder, license_seats.leased_until;

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
-- The receipt of a use that was recorded now, with the period's total after it. No
-- row when the key was recorded before, or when the licence accepts no use of the
-- metric now. In the first case get_receipt returns the receipt, also one that was
-- committed while this statement waited. Policy: a use beyond the limit fails, or
-- counts as overage if the licence allows that.
-- @row UsageReceipt
with license as (
    select
        usable_licenses.tenant_id,
        usable_licenses.id,
        (usable_licenses.limits ->> :metric::text)::numeric::bigint as allowed,
        usable_licenses.overage_policy,
        usable_licenses.period_start,
        usable_licenses.period_end
    from authority.usable_licenses
    where
        usable_licenses.tenant_id = :tenant_id
        and usable_licenses.id = :license_id
        and usable_licenses.may_grow
        and usable_licenses.limits ? :metric
),

entry as (
    insert into authority.license_usage (
        tenant_id,
        license_id,
        metric,
        idempotency_key,
        period_start,
        period_end,
        quantity
    )
    select
        license.tenant_id,
        license.id,
        :metric,
        :idempotency_key,
        license.period_start,
        license.period_end,
        :quantity
    from license
    on conflict (tenant_id, license_id, metric, idempotency_key) do nothing
    returning license_usage.quantity, license_usage.corrects
),

total as (
    insert into authority.license_usage_totals (
        tenant_id,
        license_id,
        metric,
        period_start,
        period_end,
        used,
        allowed,
        overage_policy
    )
    select
        license.tenant_id,
        license.id,
        :metric,
        license.period_start,
        license.period_end,
        entry.quantity,
        license.allowed,
        license.overage_policy
    from license
    cross join entry
    on conflict (tenant_id, license_id, metric, period_start) do update
        set
            used = license_usage_totals.used + excluded.used,
            allowed = excluded.allowed,
            overage_policy = excluded.overage_policy,
            updated_at = authority.clock()
    returning
        license_usage_totals.period_start,
        license_usage_totals.period_end,
        license_usage_totals.used,
        license_usage_totals.allowed
)

select
    true as recorded,
    entry.quantity,
    entry.corrects,
    total.period_start,
    total.period_end,
    total.used,
    total.allowed,
    greatest(total.used - total.allowed, 0) as overage
from entry
cross join total;

-- name: correct_usage(tenant_id, license_id, metric, corrects, idempotency_key)^
-- The receipt of a correction that was recorded now. The correction takes back the
-- whole use that was recorded under the key `corrects`, in the period of that use,
-- whatever has become of the licence. No row when there is no such use, when it
-- was taken back before, or when the correction's own key was recorded before.
-- @row UsageReceipt
with entry as (
    insert into authority.license_usage (
        tenant_id,
        license_id,
        metric,
        idempotency_key,
        period_start,
        period_end,
        quantity,
        corrects
    )
    select
        mistaken.tenant_id,
        mistaken.license_id,
        mistaken.metric,
        :idempotency_key,
        mistaken.period_start,
        mistaken.period_end,
        -mistaken.quantity as quantity,
        mistaken.idempotency_key as corrects
    from authority.license_usage as mistaken
    where
        mistaken.tenant_id = :tenant_id
        and mistaken.license_id = :license_id
        and mistaken.metric = :metric
        and mistaken.idempotency_key = :corrects
        and mistaken.corrects is null
    on conflict do nothing
    returning
        license_usage.tenant_id,
        license_usage.license_id,
        license_usage.metric,
        license_usage.period_start,
        license_usage.quantity,
        license_usage.corrects
),

total as (
    update authority.license_usage_totals
    set
        used = license_usage_totals.used + entry.quantity,
        updated_at = authority.clock()
    from entry
    where
        license_usage_totals.tenant_id = :tenant_id
        and license_usage_totals.license_id = entry.license_id
        and license_usage_totals.metric = entry.metric
        and license_usage_totals.period_start = entry.period_start
    returning
        license_usage_totals.period_start,
        license_usage_totals.period_end,
        license_usage_totals.used,
        license_usage_totals.allowed
)

select
    true as recorded, entry.quantity, entry.corrects, total.period_start,
    total.period_end, total.used, total.allowed,
    greatest(total.used - total.allowed, 0) as overage
from entry
cross join total;

-- name: get_receipt(tenant_id, license_id, metric, idempotency_key)^
-- What was recorded under the key, with its period's current total, whatever has
-- become of the licence; or no row.
-- @row UsageReceipt
select
    false as recorded, license_usage.quantity, license_usage.corrects,
    license_usage_totals.period_start, license_usage_totals.period_end,
    license_usage_totals.used, license_usage_totals.allowed,
    greatest(license_usage_totals.used - license_usage_totals.allowed, 0) as overage
from authority.license_usage
inner join authority.license_usage_totals
    on
        license_usage.license_id = license_usage_totals.license_id
        and license_usage.metric = license_usage_totals.metric
        and license_usage.period_start = license_usage_totals.period_start
where
    license_usage.tenant_id = :tenant_id
    and license_usage.license_id = :license_id
    and license_usage.metric = :metric
    and license_usage.idempotency_key = :idempotency_key
    and license_usage_totals.tenant_id = :tenant_id;

-- name: list_usage(tenant_id, license_id, metric, from_period)
-- The total of one metric and period, newest period first. A null metric keeps all
-- metrics, a null from_period all periods.
-- @row UsageTotal
select
    license_usage_totals.tenant_id,
    license_usage_totals.license_id,
    license_usage_totals.metric,
    license_usage_totals.period_start,
    license_usage_totals.period_end,
    license_usage_totals.used,
    license_usage_totals.allowed,
    greatest(license_usage_totals.used - license_usage_totals.allowed, 0) as overage
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

-- name: prune_usage(older_than, batch_size)!
-- Deletes uses of all tenants whose period ended at least older_than ago. The
-- totals stay. A key that was deleted can be recorded again.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.license_usage -- The generic plan assumes that batch_size is
--   a tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.license_id,
        candidates.metric,
        candidates.idempotency_key
    from authority.license_usage as candidates
    where
        candidates.period_end
        <= ((authority.clock() - :older_than::interval) at time zone 'UTC')::date
    order by candidates.period_end
    limit :batch_size
    for update skip locked
)

delete from authority.license_usage
using doomed
where
    license_usage.tenant_id = doomed.tenant_id
    and license_usage.license_id = doomed.license_id
    and license_usage.metric = doomed.metric
    and license_usage.idempotency_key = doomed.idempotency_key;
