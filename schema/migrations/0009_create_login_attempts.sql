-- Creates the log of sign-in attempts and the throttle in front of them.
--
-- Locks: share row exclusive on authority.tenants while foreign keys are added.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role authority_owner;

create or replace function authority.canonical_address(address inet)
returns inet
language sql
immutable strict parallel safe
return case
    when masklen(address) < 128
        then address
    when network_subeq(address, '::ffff:0.0.0.0/96'::inet)
        then '0.0.0.0'::inet + (address - '::ffff:0.0.0.0'::inet)
    when network_subeq(address, '64:ff9b::/96'::inet)
        then '0.0.0.0'::inet + (address - '64:ff9b::'::inet)
    else address
end;

comment on function authority.canonical_address(inet) is
'The one spelling of a host''s address, which is stored, counted and looked up: the IPv4
address inside an IPv6 one, mapped (RFC 4291 section 2.5.5.2) or of NAT64''s well-known
prefix (RFC 6052 section 2.1).';

create table if not exists authority.login_attempts (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    username text collate "C" not null,
    user_id uuid,
    client_id text collate "C",
    address inet,
    outcome text not null,
    reason text,
    correlation_id text collate "C",
    created_at timestamptz not null default authority.clock(),
    constraint login_attempts_tenant_id_created_at_id_pk
    primary key (tenant_id, created_at, id),
    constraint login_attempts_tenant_id_fk foreign key (tenant_id)
    references authority.tenants (id),
    constraint login_attempts_username_check
    check (char_length(username) <= 256 and authority.is_visible(username)),
    constraint login_attempts_address_check
    check (
        masklen(address) = case family(address) when 4 then 32 else 128 end
        and address = authority.canonical_address(address)
    ),
    constraint login_attempts_outcome_check
    check (outcome in ('succeeded', 'failed', 'throttled')),
    constraint login_attempts_client_id_check check (char_length(client_id) <= 255),
    constraint login_attempts_reason_check check (char_length(reason) <= 2000),
    constraint login_attempts_correlation_id_check
    check (char_length(correlation_id) <= 256),
    constraint login_attempts_moments_check
    check (
        least(created_at) >= '1900-01-01Z'
        and greatest(created_at) < '9000-01-01Z'
    )
) partition by range (created_at);

comment on table authority.login_attempts is
'One attempt to sign in. Append-only; one partition a month (UTC), dropped whole when
its retention ends.';
comment on column authority.login_attempts.tenant_id is 'Owner of the row.';
comment on column authority.login_attempts.id is 'Random.';
comment on column authority.login_attempts.username is
'What was typed, as its users.username_key. May name nobody; INVALID stands for what
nobody can be named.';
comment on column authority.login_attempts.user_id is
'Who it was, if known. No foreign key: the log outlives the user.';
comment on column authority.login_attempts.client_id is
'client_id of the application that asked. Null: none. No foreign key: as user_id.';
comment on column authority.login_attempts.address is
'Address of the one host it came from: authority.canonical_address. Null: not known.';
comment on column authority.login_attempts.outcome is
'succeeded, failed, or throttled: refused without a check.';
comment on column authority.login_attempts.reason is
'Why it failed, for operators: unknown_user, wrong_password, … Null: it did not.';
comment on column authority.login_attempts.correlation_id is
'Request id that finds it in other logs. Null: none.';
comment on column authority.login_attempts.created_at is
'When it was tried; chooses the partition.';

-- Serves login_attempts.list_recent_by_username.
create index if not exists login_attempts_tenant_id_username_created_at_idx
on authority.login_attempts (tenant_id, username, created_at desc);
-- Serves login_attempts.list_recent_by_address.
create index if not exists login_attempts_tenant_id_address_created_at_idx
on authority.login_attempts (tenant_id, address, created_at desc)
where address is not null;

create table if not exists authority.login_attempts_default
partition of authority.login_attempts default;

comment on table authority.login_attempts_default is
'Attempts of months that have no partition: none is ever lost for want of one.';

create or replace function authority.create_login_attempt_partitions(
    months_ahead bigint
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set lock_timeout = '2s'
as $$
declare
    month timestamp;
    child text;
    created bigint := 0;
begin
    if months_ahead is null or months_ahead not between 0 and 120 then
        raise invalid_parameter_value
        using message = 'months_ahead must be from 0 to 120';
    end if;
    for month in
        select generate_series(
            date_trunc('month', authority.clock() at time zone 'UTC'),
            date_trunc('month', authority.clock() at time zone 'UTC')
            + make_interval(months => months_ahead::integer),
            '1 month'
        )
    loop
        child := 'login_attempts_' || to_char(month, '"y"YYYY"m"MM');
        continue when to_regclass('authority.' || child) is not null;
        -- Of several that find it missing one makes it.
        lock table authority.login_attempts in share update exclusive mode;
        continue when to_regclass('authority.' || child) is not null;
        begin
            execute format(
                'create table authority.%1$I (
                    like authority.login_attempts
                    including defaults including constraints,
                    constraint %2$I check (created_at >= %3$L and created_at < %4$L)
                )',
                child,
                child || '_created_at_check',
                month at time zone 'UTC',
                (month + interval '1 month') at time zone 'UTC'
            );
            execute format(
                'comment on table authority.%I is %L',
                child,
                'Attempts of ' || to_char(month, 'YYYY-MM') || ', UTC.'
            );
            call authority.isolate_tenants(format('authority.%I', child)::regclass);
            execute format(
                'alter table authority.login_attempts attach partition authority.%I '
                'for values from (%L) to (%L)',
                child,
                month at time zone 'UTC',
                (month + interval '1 month') at time zone 'UTC'
            );
            execute format(
                'alter table authority.%I drop constraint %I',
                child,
                child || '_created_at_check'
            );
        exception when check_violation then
            continue; -- the default partition has rows of the month
        end;
        created := created + 1;
    end loop;
    return created;
end
$$;

comment on function authority.create_login_attempt_partitions(bigint) is
'Makes the partitions of this month and of months_ahead more, and returns how many
were missing. A month that already has rows in the default partition is left there.
Attaches, so that sign-ins of months that have a partition go on meanwhile; the default
partition is locked and looked through, and no tenant changes. Gives up after 2 s of
waiting. months_ahead is at most 120. Runs as its owner, because only the owner of a
table can attach to it.';

create or replace function authority.drop_login_attempt_partitions(retention interval)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    child text;
    dropped bigint := 0;
begin
    if retention is null or retention < interval '0' then
        raise invalid_parameter_value using message = 'a retention is 0 or more';
    end if;
    for child in
        select bounds.child
        from (
            select
                partitions.oid::regclass::text as child,
                substring(
                    pg_get_expr(partitions.relpartbound, partitions.oid)
                    from 'TO [(]''([^'']+)''[)]'
                )::timestamptz as ends_at
            from pg_inherits
            inner join pg_class as partitions on pg_inherits.inhrelid = partitions.oid
            where pg_inherits.inhparent = 'authority.login_attempts'::regclass
        ) as bounds
        where bounds.ends_at <= authority.clock() - retention
        order by bounds.ends_at
    loop
        -- Of several that find it too old one drops it.
        lock table authority.login_attempts in share update exclusive mode;
        continue when to_regclass(child) is null;
        execute format('drop table %s', child);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

comment on function authority.drop_login_attempt_partitions(interval) is
'Drops the partitions that end before the retention begins, by their own bounds, and
returns how many: an attempt younger than the retention is never dropped. Locks the log
for the moment that it takes, and gives up after 2 s of waiting. Runs as its owner,
because only the owner of a table can drop it.';

create or replace function authority.prune_default_login_attempts(
    retention interval, batch_size bigint
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant uuid;
    deleted bigint;
    pruned bigint := 0;
begin
    if retention is null or retention < interval '0' then
        raise invalid_parameter_value using message = 'a retention is 0 or more';
    end if;
    -- Row-level security holds the owner too: it works for each tenant in turn.
    for tenant in select tenants.id from authority.tenants order by tenants.id
    loop
        exit when pruned >= batch_size;
        perform set_config('authority.tenant_id', tenant::text, true);
        delete from authority.login_attempts_default
        where login_attempts_default.ctid = any(array(
            select candidates.ctid
            from authority.login_attempts_default as candidates
            where
                candidates.tenant_id = tenant
                and candidates.created_at < authority.clock() - retention
            order by candidates.created_at
            limit batch_size - pruned
            for update skip locked
        ));
        get diagnostics deleted = row_count;
        pruned := pruned + deleted;
    end loop;
    perform set_config('authority.tenant_id', tenant_before, true);
    return pruned;
end
$$;

comment on function authority.prune_default_login_attempts(interval, bigint) is
'Deletes up to batch_size attempts older than the retention from the default partition,
which is never dropped, and returns how many. Runs as its owner, because nobody is given
a partition.';

create or replace function authority.address_prefix(address inet)
returns cidr
language sql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select
    network(
        set_masklen(hosts.host, case family(hosts.host) when 4 then 24 else 64 end)
    )
from (values (authority.canonical_address(address))) as hosts (host)
$$;

comment on function authority.address_prefix(inet) is
'The network that an account is known in, and guessed from, as one, of the canonical
address: /24 of an IPv4 address, and /64 of an IPv6 address.';

create or replace function authority.address_site(address inet)
returns cidr
language sql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case masklen(prefixes.prefix)
    when 64 then network(set_masklen(prefixes.prefix, 48))
    else prefixes.prefix
end
from (values (authority.address_prefix(address))) as prefixes (prefix)
$$;

comment on function authority.address_site(inet) is
'The network whose guesses at all accounts are counted together. One customer has a /48
of IPv6 (RFC 6177); of an IPv4 address it is authority.address_prefix.';

create table if not exists authority.login_throttles (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    username text collate "C",
    address_prefix cidr,
    factor text collate "C" not null,
    drains_at timestamptz not null,
    account_cost interval,
    network_cost interval,
    trusted_until timestamptz,
    refused_at timestamptz,
    ends_at timestamptz not null
    generated always as (greatest(drains_at, trusted_until)) stored,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint login_throttles_tenant_id_id_pk primary key (tenant_id, id),
    constraint login_throttles_tenant_id_username_address_prefix_factor_key
    unique nulls not distinct (tenant_id, username, address_prefix, factor),
    constraint login_throttles_tenant_id_fk foreign key (tenant_id)
    references authority.tenants (id),
    constraint login_throttles_username_check
    check (char_length(username) <= 256 and authority.is_visible(username)),
    constraint login_throttles_address_prefix_check
    check (
        not network_subeq(address_prefix, '::ffff:0.0.0.0/96'::cidr)
        and not network_subeq(address_prefix, '64:ff9b::/96'::cidr)
    ),
    constraint login_throttles_factor_check
    check (factor ~ '^[a-z][a-z0-9_]*$' and char_length(factor) <= 32),
    constraint login_throttles_pair_check check (
        username is not null and address_prefix is not null
        or num_nonnulls(account_cost, network_cost, trusted_until) = 0
    ),
    constraint login_throttles_moments_check
    check (
        least(
            drains_at,
            trusted_until,
            refused_at,
            ends_at,
            created_at,
            updated_at
        ) >= '1900-01-01Z'
        and greatest(
            drains_at,
            trusted_until,
            refused_at,
            ends_at,
            created_at,
            updated_at
        ) < '9000-01-01Z'
    ),
    constraint login_throttles_durations_check
    check (
        least(account_cost, network_cost) >= interval '0'
        and greatest(account_cost, network_cost) <= interval '876600 hours'
    )
);

comment on table authority.login_throttles is
'Leaky buckets of checks of one factor: of one account from one network (the pair), of
one account from all networks, of all accounts from one network and, where it is asked
for, of the whole tenant. A check is reserved before it is made, in all of them or in
none, so racing guesses cannot exceed one.';
comment on column authority.login_throttles.tenant_id is 'Owner of the row.';
comment on column authority.login_throttles.id is 'Random.';
comment on column authority.login_throttles.username is
'Account that is guessed, as its users.username_key. May not exist; INVALID stands for
all that cannot. Null: a bucket of all accounts.';
comment on column authority.login_throttles.address_prefix is
'Network of the guesser: authority.address_prefix of its address in a pair,
authority.address_site in the network''s bucket. Null: a bucket of all networks.';
comment on column authority.login_throttles.factor is
'What is guessed: password, totp, recovery_code, …';
comment on column authority.login_throttles.drains_at is
'When the bucket is empty again. Each check moves it by the window divided by the limit;
a window ahead of the clock it is full. It drains by itself: nobody is locked out for
good.';
comment on column authority.login_throttles.account_cost is
'What the pair''s last check added to the account''s bucket, which a success takes out
again. Null: nothing, or taken out.';
comment on column authority.login_throttles.network_cost is
'As account_cost, of the network''s bucket.';
comment on column authority.login_throttles.trusted_until is
'Until then the account is known from this network, as it signed in from there: its
bucket of all networks is neither asked nor filled. Null: it did not.';
comment on column authority.login_throttles.refused_at is
'When a refusal by this bucket was last logged, at most once a minute. Null: never.';
comment on column authority.login_throttles.ends_at is
'From then on the row says nothing: the bucket is empty and not trusted.';
comment on column authority.login_throttles.created_at is
'When the row was inserted.';
comment on column authority.login_throttles.updated_at is
'When the row last changed: the latest time by which the bucket was judged.';

-- Serves login_attempts.prune_throttles.
create index if not exists login_throttles_ends_at_idx
on authority.login_throttles (ends_at);

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
    -- Asked first without a lock, so that what is refused, a flood of it too, waits for
    -- nobody and writes nothing; then again on rows that nobody else can change.
    foreach is_locked in array array[false, true]
    loop
        if is_locked then
            -- Makes the rows that are missing and locks the others as they are now. All
            -- calls do so in this order, and none waits for a call that waits for it.
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

        -- A call that has waited began before those that it waited for.
        moment as (
            select
                greatest(authority.clock(), max(found.updated_at)) as now,
                coalesce(
                    bool_or(found.trusted_until > authority.clock()), false
                ) as is_trusted
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
    -- A flood is logged once a minute, by a caller that finds the bucket unlocked.
    with due as (
        select login_throttles.id
        from authority.login_throttles
        where
            login_throttles.tenant_id = reserve_login_attempt.tenant_id
            and login_throttles.id = refusing
            and coalesce(
                login_throttles.refused_at <= authority.clock() - interval '1 minute',
                true
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
'Reserves one check in the buckets, or says which one is full and how long to wait:
until it takes one more, and up to a fifth longer, at random, so that those who were
refused do not come back at once. It logs what it refuses, once a minute for each
bucket. One statement could not be right: two first checks would both find no row.';

call authority.isolate_tenants('authority.login_attempts');
call authority.isolate_tenants('authority.login_attempts_default');
call authority.isolate_tenants('authority.login_throttles');
call authority.let_operators_prune('authority.login_throttles');

-- Nobody is given a partition: rows are reached through authority.login_attempts.
grant select, insert on authority.login_attempts to authority_app;
grant select, insert on authority.login_throttles to authority_app;
grant
update (
    drains_at, account_cost, network_cost, trusted_until, refused_at, updated_at
)
on authority.login_throttles to authority_app;
grant
select (tenant_id, id, ends_at),
update (updated_at),
delete
on authority.login_throttles to authority_maintenance;
grant select on authority.login_attempts, authority.login_throttles
to authority_reader;
revoke execute on function authority.canonical_address(inet) from public;
grant execute on function authority.canonical_address(inet)
to authority_app, authority_reader;
revoke execute on function authority.address_prefix(inet) from public;
grant execute on function authority.address_prefix(inet)
to authority_app, authority_reader;
revoke execute on function authority.address_site(inet) from public;
grant execute on function authority.address_site(inet)
to authority_app, authority_reader;
revoke execute on function authority.create_login_attempt_partitions(bigint)
from public;
grant execute on function authority.create_login_attempt_partitions(bigint)
to authority_maintenance;
revoke execute on function authority.drop_login_attempt_partitions(interval)
from public;
grant execute on function authority.drop_login_attempt_partitions(interval)
to authority_maintenance;
revoke execute on function authority.prune_default_login_attempts(interval, bigint)
from public;
grant execute on function authority.prune_default_login_attempts(interval, bigint)
to authority_maintenance;
revoke execute on function authority.reserve_login_attempt from public;
grant execute on function authority.reserve_login_attempt to authority_app;
