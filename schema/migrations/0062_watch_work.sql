-- Creates the functions that count over all tenants: tenants by status, the feed,
-- logout notices, sign-ins, audit events and signing keys.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0062_watch_work');

create or replace function authority.watch_tenants()
returns table (status text, tenants bigint)
language sql
stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
select
    statuses.status,
    count(tenants.id) as tenants
from (
    values ('active'), ('trial'), ('suspended'), ('terminated')
) as statuses (status)
left join authority.tenants on statuses.status = tenants.status
group by statuses.status
order by statuses.status
$$;

comment on function authority.watch_tenants is
'Returns how many tenants have each status. Runs as its owner, because a reader reads
one tenant. It reveals counts.';

create or replace function authority.watch_work(recent interval, most bigint)
returns table (kind text, items bigint, oldest timestamptz, latest timestamptz)
language plpgsql
stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    recently constant timestamptz := authority.clock() - recent;
    outcomes bigint[];
begin
    perform set_config('authority.is_watching', 'on', true);
    -- The owner's policies show no older attempts.
    if recent is null or recent not between interval '0' and interval '1 hour' then
        raise invalid_parameter_value using message = 'recent must be 0 to 1 hour';
    end if;
    return query
    select
        'revocations_published',
        coalesce(sum(revocation_sequences.last_sequence), 0)::bigint,
        null::timestamptz,
        max(revocation_sequences.updated_at)
    from authority.revocation_sequences;
    return query
    select 'feeds_behind', count(*), null::timestamptz, null::timestamptz
    from (
        select
            tenants.id,
            coalesce(revocation_sequences.last_sequence, 0) as last_sequence
        from authority.tenants
        left join authority.revocation_sequences
            on tenants.id = revocation_sequences.tenant_id
        limit most
    ) as feeds
    where exists (
        select from authority.revocations
        where
            revocations.tenant_id = feeds.id
            and revocations.sequence > feeds.last_sequence
    );
    return query
    select 'notices_' || states.state, counted.items, counted.oldest, null::timestamptz
    from (values ('waiting'), ('due'), ('expired')) as states (state)
    left join lateral (
        select count(*) as items, min(found.next_attempt_at) as oldest
        from (
            select logout_notices.next_attempt_at
            from authority.logout_notices
            where
                logout_notices.status = 'waiting'
                and case states.state
                    when 'expired' then logout_notices.expires_at <= authority.clock()
                    when 'due' then
                        logout_notices.expires_at > authority.clock()
                        and logout_notices.next_attempt_at <= authority.clock()
                    else logout_notices.expires_at > authority.clock()
                end
            limit most
        ) as found
    ) as counted on true;
    return query
    select 'notices_given_up', count(*), min(found.finished_at), max(found.finished_at)
    from (
        select logout_notices.finished_at
        from authority.logout_notices
        where logout_notices.status = 'given_up'
        order by logout_notices.finished_at desc
        limit most
    ) as found;
    return query
    select 'throttles_refusing', count(*), null::timestamptz, max(found.refused_at)
    from (
        select login_throttles.refused_at
        from authority.login_throttles
        where login_throttles.refused_at > recently
        order by login_throttles.refused_at desc
        limit most
    ) as found;
    select array[
        count(*) filter (where found.outcome = 'succeeded'),
        count(*) filter (where found.outcome = 'failed'),
        count(*) filter (where found.outcome = 'throttled')
    ]
    into outcomes
    from (
        select login_attempts.outcome
        from authority.login_attempts
        where login_attempts.created_at > recently
        limit most
    ) as found;
    return query
    select
        'sign_ins_' || named.outcome,
        outcomes[named.number],
        null::timestamptz,
        null::timestamptz
    from (
        values ('succeeded', 1), ('failed', 2), ('throttled', 3)
    ) as named (outcome, number);
    return query
    select 'events_unsealed', count(*), min(found.created_at), max(found.created_at)
    from (
        select audit_events.created_at
        from authority.audit_events
        where audit_events.number is null
        order by audit_events.created_at
        limit most
    ) as found;
    return query
    select
        'keys_' || states.state,
        count(keys.tenant_id),
        min(coalesce(keys.activated_at, keys.signs_from)),
        max(coalesce(keys.activated_at, keys.signs_from))
    from (values ('signing'), ('next')) as states (state)
    left join authority.signing_keys as keys
        on
            (keys.activated_at is null) = (states.state = 'next')
            and keys.retired_at is null
    group by states.state
    order by states.state;
    perform set_config('authority.is_watching', 'off', true);
end
$$;

comment on function authority.watch_work is
'Returns, over all tenants, how many items of each kind there are, at most this many,
and the times of the oldest and the latest. Sign-ins and throttles are those of the
recent time, at most an hour. Published entries and keys are counted without a limit:
their tables have a few rows for each tenant. Runs as its owner, because a reader reads
one tenant. It reveals counts and times.';

create or replace function authority.find_migration_lock()
returns timestamptz
language plpgsql
stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    since timestamp;
begin
    -- A table runs nobody's code. A view would run it as the owner.
    if exists (
        select from pg_class
        where
            pg_class.relnamespace = to_regnamespace('authority_yoyo')
            and pg_class.relname = 'yoyo_lock'
            and pg_class.relkind = 'r'
            and not pg_class.relrowsecurity
    ) then
        execute 'select min(yoyo_lock.ctime) from authority_yoyo.yoyo_lock '
            'where yoyo_lock.locked = 1' into since;
    end if;
    return since at time zone 'UTC';
end
$$;

comment on function authority.find_migration_lock is
'Returns since when yoyo''s lock is held, by a run or by one that was killed. Null: it
is free. Runs as its owner, because no other role may read yoyo''s tables.';

revoke execute on function
authority.watch_tenants(),
authority.watch_work(interval, bigint),
authority.find_migration_lock()
from public;
grant execute on function
authority.watch_tenants(),
authority.watch_work(interval, bigint),
authority.find_migration_lock()
to authority_reader;
