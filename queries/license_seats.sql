-- name: check_out(tenant_id, license_id, holder, lease)^
-- The holder's seat, leased until the lease ends, or the licence if that is sooner: the
-- seat that the holder has, or else a free one. No row when the licence is not usable
-- or has no free seat. Policy: in grace with the policy keep, only the holder of a
-- running lease gets its seat.
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

-- The seat of an ended lease, or a seat that the holder got after this statement began.
-- The statement's snapshot shows the latter as free or another's. Its number is right,
-- because the licence is locked.
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

-- name: renew(tenant_id, license_id, holder, lease)^
-- The holder's seat with its lease prolonged from now, but not beyond the licence's
-- end, or no row when the lease had ended or the licence is not usable any more.
-- Policy: in grace, always.
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

-- name: check_in(tenant_id, license_id, holder)!
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
