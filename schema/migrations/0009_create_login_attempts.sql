-- Creates the log of sign-in attempts and the throttle in front of them.
--
-- Locks: share row exclusive on authority.tenants while foreign keys are added.

set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role authority_owner;

create table if not exists authority.login_attempts (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    username text not null,
    user_id uuid,
    client_id text,
    address inet,
    outcome text not null,
    reason text,
    correlation_id text,
    created_at timestamptz not null default authority.clock(),
    constraint login_attempts_tenant_id_created_at_id_pk
    primary key (tenant_id, created_at, id),
    constraint login_attempts_tenant_id_fk foreign key (tenant_id)
    references authority.tenants (id),
    constraint login_attempts_username_check
    check (char_length(username) between 1 and 256),
    constraint login_attempts_address_check
    check (masklen(address) = case family(address) when 4 then 32 else 128 end),
    constraint login_attempts_outcome_check
    check (outcome in ('succeeded', 'failed', 'throttled'))
) partition by range (created_at);

comment on table authority.login_attempts is
'One attempt to sign in. Append-only; one partition a month (UTC), dropped whole when
its retention ends.';
comment on column authority.login_attempts.tenant_id is 'Owner of the row.';
comment on column authority.login_attempts.id is 'Random.';
comment on column authority.login_attempts.username is
'What was typed, normalised as users.username_normalized. May name nobody.';
comment on column authority.login_attempts.user_id is
'Who it was, if known. No foreign key: the log outlives the user.';
comment on column authority.login_attempts.client_id is
'client_id of the application that asked. Null: none. No foreign key: as user_id.';
comment on column authority.login_attempts.address is
'Address of the one host it came from. Null: not known.';
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
set lock_timeout = '2s'
as $$
declare
    month timestamp;
    child text;
    created bigint := 0;
begin
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
Attaches, so that sign-ins go on meanwhile, and gives up after 2 s of waiting. Runs as
its owner, because only the owner of a table can attach to it.';

create or replace function authority.address_prefix(address inet)
returns cidr
language sql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select network(
    set_masklen(
        address,
        case
            when family(address) = 4 then 24
            when address <<= '::ffff:0.0.0.0/96' then 120
            else 64
        end
    )
)
$$;

comment on function authority.address_prefix(inet) is
'The network that is throttled as one: /24 of an IPv4 address, also of one mapped into
IPv6, and /64 of an IPv6 address.';

create table if not exists authority.login_throttles (
    tenant_id uuid not null,
    username text not null,
    address_prefix cidr not null,
    factor text not null,
    attempts bigint not null,
    window_ends_at timestamptz not null,
    last_failed_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint login_throttles_tenant_id_username_address_prefix_factor_pk
    primary key (tenant_id, username, address_prefix, factor),
    constraint login_throttles_tenant_id_fk foreign key (tenant_id)
    references authority.tenants (id),
    constraint login_throttles_username_check
    check (char_length(username) between 1 and 256),
    constraint login_throttles_factor_check check (factor ~ '^[a-z][a-z0-9_]{0,31}$'),
    constraint login_throttles_attempts_check check (attempts >= 1)
);

comment on table authority.login_throttles is
'How many checks of one factor were reserved for one account from one network in the
running window. Reserved before the check, so racing guesses cannot exceed it.';
comment on column authority.login_throttles.tenant_id is 'Owner of the row.';
comment on column authority.login_throttles.username is
'Account that is guessed, normalised as users.username_normalized. May not exist.';
comment on column authority.login_throttles.address_prefix is
'Network of the guesser: authority.address_prefix of its address.';
comment on column authority.login_throttles.factor is
'What is guessed: password, totp, recovery_code, …';
comment on column authority.login_throttles.attempts is
'Checks asked for in the running window, refused ones included.';
comment on column authority.login_throttles.window_ends_at is
'From then on the count starts again: nobody is locked out for good.';
comment on column authority.login_throttles.last_failed_at is
'Last check that failed. Null: none did.';
comment on column authority.login_throttles.created_at is
'When the row was inserted.';
comment on column authority.login_throttles.updated_at is
'When the row last changed.';

-- Serves login_attempts.prune_throttles.
create index if not exists login_throttles_window_ends_at_idx
on authority.login_throttles (window_ends_at);

call authority.isolate_tenants('authority.login_attempts');
call authority.isolate_tenants('authority.login_attempts_default');
call authority.isolate_tenants('authority.login_throttles');
-- Operators prune.
drop policy if exists login_throttles_maintenance_policy on authority.login_throttles;
create policy login_throttles_maintenance_policy on authority.login_throttles
to authority_maintenance using (true);

-- To lock what it deletes, it must be allowed to change a column: by this policy it may
-- lock, and write nothing.
drop policy if exists login_throttles_lock_policy on authority.login_throttles;
create policy login_throttles_lock_policy on authority.login_throttles
as restrictive for update to authority_maintenance
using (true) with check (false);

-- Nobody is given a partition: rows are reached through authority.login_attempts.
grant select, insert on authority.login_attempts to authority_app;
grant select, insert, delete on authority.login_throttles to authority_app;
grant update (attempts, window_ends_at, last_failed_at, updated_at)
on authority.login_throttles to authority_app;
grant
select (tenant_id, username, address_prefix, factor, window_ends_at),
update (updated_at),
delete
on authority.login_throttles to authority_maintenance;
grant select on authority.login_attempts, authority.login_throttles
to authority_reader;
revoke execute on function authority.address_prefix(inet) from public;
grant execute on function authority.address_prefix(inet)
to authority_app, authority_reader;
revoke execute on function authority.create_login_attempt_partitions(bigint)
from public;
grant execute on function authority.create_login_attempt_partitions(bigint)
to authority_maintenance;
