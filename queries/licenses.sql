-- name: create(tenant_id, key_hash, plan, seats, features, limits, usage_period, overage_policy, valid_from, valid_until, grace, grace_policy, properties)^
-- The new licence with its free seats. A null valid_from means now.
-- @row License
with given as (
    select authority.clock() as moment
),

license as (
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
    select
        :tenant_id,
        :key_hash,
        :plan,
        :seats,
        :features,
        :limits,
        :usage_period,
        :overage_policy,
        coalesce(:valid_from, given.moment) as valid_from,
        :valid_until,
        :grace,
        :grace_policy,
        :properties
    from given
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
    returning true as is_created
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
-- The rights that the key grants, and its state now: valid, grace, expired,
-- not_yet_valid, suspended or revoked; or no row when no licence of an active tenant
-- has this key. The view authority.license_states defines the states.
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
