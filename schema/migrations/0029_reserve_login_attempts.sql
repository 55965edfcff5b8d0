-- Creates the function that reserves one check in the buckets of the throttle.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0029_reserve_login_attempts');

create or replace function authority.reserve_login_attempt(
    tenant_id uuid,
    username text,
    address inet,
    factor text,
    pair_limit bigint,
    account_limit bigint,
    network_limit bigint,
    tenant_limit bigint,
    time_window interval,
    out allowed boolean,
    out remaining bigint,
    out retry_after interval,
    out refused_by text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    account constant text := username;
    network constant cidr := authority.address_prefix(address);
    site constant cidr := authority.address_site(address);
    jitter constant double precision := 0.2 * random();
    is_locked boolean;
    refusing uuid;
begin
    -- The first pass takes no lock, so that a refused call, even in a flood, neither
    -- waits nor writes. The second pass decides on locked rows.
    foreach is_locked in array array[false, true]
    loop
        if is_locked then
            -- Creates the missing rows and locks the current version of the others. All
            -- calls lock in this order, so that no two wait for each other.
            insert into authority.login_throttles
            (tenant_id, username, address_prefix, factor, drains_at)
            select
                reserve_login_attempt.tenant_id,
                buckets.username,
                buckets.address_prefix,
                reserve_login_attempt.factor,
                authority.clock()
            from (
                values
                (1, account, network),
                (2, account, null),
                (3, null, site),
                (4, null, null)
            ) as buckets (position, username, address_prefix)
            where buckets.position < 4 or tenant_limit is not null
            order by buckets.position
            on conflict on constraint
            login_throttles_tenant_id_username_address_prefix_factor_key
            do update set updated_at = excluded.updated_at where false;
        end if;

        with found as (
            select 'pair' as bucket, pairs.*
            from authority.login_throttles as pairs
            where
                pairs.tenant_id = reserve_login_attempt.tenant_id
                and pairs.username = account
                and pairs.address_prefix::inet = network::inet
                and pairs.factor = reserve_login_attempt.factor
            union all
            select 'account' as bucket, accounts.*
            from authority.login_throttles as accounts
            where
                accounts.tenant_id = reserve_login_attempt.tenant_id
                and accounts.username = account
                and accounts.address_prefix is null
                and accounts.factor = reserve_login_attempt.factor
            union all
            select 'network' as bucket, networks.*
            from authority.login_throttles as networks
            where
                networks.tenant_id = reserve_login_attempt.tenant_id
                and networks.username is null
                and networks.address_prefix::inet = site::inet
                and networks.factor = reserve_login_attempt.factor
            union all
            select 'tenant' as bucket, tenants.*
            from authority.login_throttles as tenants
            where
                tenant_limit is not null
                and tenants.tenant_id = reserve_login_attempt.tenant_id
                and tenants.username is null
                and tenants.address_prefix is null
                and tenants.factor = reserve_login_attempt.factor
        ),

        -- A call that waited for a lock began before the calls that held it.
        moment as (
            select
                greatest(authority.clock(), max(found.updated_at)) as now,
                bool_or(found.trusted_until > authority.clock()) is true as is_trusted
            from found
        ),

        asked as (
            select
                limits.bucket,
                limits.position,
                found.id,
                costs.cost,
                drained.drains_at + costs.cost as drains_at,
                moment.now + costs.cost * limits.checks
                - (drained.drains_at + costs.cost) as room
            from moment
            cross join (
                values
                ('pair', 1, pair_limit),
                ('account', 2, account_limit),
                ('network', 3, network_limit),
                ('tenant', 4, tenant_limit)
            ) as limits (bucket, position, checks)
            left join found on limits.bucket = found.bucket
            cross join lateral (
                select
                    greatest(
                        make_interval(
                            secs => extract(epoch from time_window)::double precision
                            / limits.checks
                        ),
                        interval '1 microsecond'
                    ) as cost
            ) as costs
            cross join lateral (
                select greatest(found.drains_at, moment.now) as drains_at
            ) as drained
            where
                limits.checks is not null
                and not (limits.bucket = 'account' and moment.is_trusted)
        ),

        verdict as (
            select
                min(asked.room) as room,
                min(asked.room) >= interval '0' as allowed,
                min(
                    floor(
                        extract(epoch from asked.room) / extract(epoch from asked.cost)
                    )
                ) as remaining,
                (array_agg(asked.bucket order by asked.room, asked.position))[1]
                    as tightest,
                (array_agg(asked.id order by asked.room, asked.position))[1]
                    as tightest_id,
                min(asked.cost) filter (where asked.bucket = 'account') as account_cost,
                min(asked.cost) filter (where asked.bucket = 'network') as network_cost
            from asked
        ),

        charged as (
            update authority.login_throttles
            set
                drains_at = asked.drains_at,
                account_cost
                = case asked.bucket when 'pair' then verdict.account_cost end,
                network_cost
                = case asked.bucket when 'pair' then verdict.network_cost end,
                updated_at = moment.now
            from asked, moment, verdict
            where
                is_locked
                and verdict.allowed
                and login_throttles.tenant_id = reserve_login_attempt.tenant_id
                and login_throttles.id = asked.id
        )

        select
            verdict.allowed,
            greatest(verdict.remaining, 0),
            case when not verdict.allowed then -verdict.room * (1 + jitter) end,
            case when not verdict.allowed then verdict.tightest end,
            case when not verdict.allowed then verdict.tightest_id end
        into allowed, remaining, retry_after, refused_by, refusing
        from verdict;
        exit when not allowed;
    end loop;
    if allowed then
        return;
    end if;
    -- A flood is logged once a minute, by a call that finds the bucket unlocked.
    with due as (
        select login_throttles.id
        from authority.login_throttles
        where
            login_throttles.tenant_id = reserve_login_attempt.tenant_id
            and login_throttles.id = refusing
            and (
                login_throttles.refused_at is null
                or login_throttles.refused_at
                <= authority.clock() - interval '1 minute'
            )
        for no key update skip locked
    ),

    noted as (
        update authority.login_throttles
        set refused_at = authority.clock()
        from due
        where
            login_throttles.tenant_id = reserve_login_attempt.tenant_id
            and login_throttles.id = due.id
        returning login_throttles.tenant_id
    )

    insert into authority.login_attempts
    (tenant_id, username, address, outcome, reason)
    select
        noted.tenant_id,
        account,
        authority.canonical_address(address),
        'throttled',
        refused_by
    from noted;
end
$$;

comment on function authority.reserve_login_attempt is
'Reserves one check in the buckets, or returns which bucket is full and how long to
wait: until the bucket has room, plus up to a fifth at random, so that refused callers
do not all return at once. Logs refusals, once a minute for each bucket. One statement
would not suffice: two first checks would both find no row.';

revoke execute on function authority.reserve_login_attempt from public;
grant execute on function authority.reserve_login_attempt to authority_app;
