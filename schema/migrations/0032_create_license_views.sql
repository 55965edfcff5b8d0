-- Creates the views that decide what a licence allows now, and the function that waits
-- for a seat.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0032_create_license_views');

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
    inner join authority.active_tenants on licenses.tenant_id = active_tenants.id
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
'The current state of each licence of an active tenant, by the database''s clock, and
what the licence allows now.';
comment on column authority.license_states.period_start is
'First day (UTC) of the current usage_period.';
comment on column authority.license_states.period_end is
'First day (UTC) after that period.';
comment on column authority.license_states.grows_until is
'No seat is newly taken and no use is recorded from this time on: usable_until, or
valid_until under the grace policy keep. Null: no end.';
comment on column authority.license_states.usable_until is
'When its grace period ends. Null: no end.';
comment on column authority.license_states.state is
'The first that applies: suspended, revoked, not_yet_valid, expired, grace or valid.';

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
    (license_states.grows_until <= authority.clock()) is not true as may_grow
from authority.license_states
where license_states.state in ('valid', 'grace');

comment on view authority.usable_licenses is
'The licences of active tenants that are valid or in grace.';
comment on column authority.usable_licenses.may_grow is
'Whether seats can be newly taken and uses recorded. False in grace under the policy
keep.';

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
    -- A separate statement sees what was committed while the lock was waited for.
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
'Locks the licence and returns the seat that the holder has or last had, or null. If two
requests race for one holder, the second one gets the seat of the first. It is a
function because a statement does not see what was committed after it began.';

grant select on authority.license_states, authority.usable_licenses to authority_app;
revoke execute on function authority.await_seat(uuid, uuid, text) from public;
grant execute on function authority.await_seat(uuid, uuid, text) to authority_app;
