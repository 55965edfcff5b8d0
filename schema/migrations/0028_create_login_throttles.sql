-- Creates the buckets that throttle sign-in attempts.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0028_create_login_throttles');

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
'Returns the network of the canonical address, in which an account is known and guessed:
/24 for an IPv4 address, /64 for an IPv6 address.';

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
'Returns the network whose guesses at all accounts are counted together: the /48 of an
IPv6 address, because one customer has one (RFC 6177), or authority.address_prefix of an
IPv4 address.';

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
    ending_hour timestamptz not null
    generated always as (
        date_bin('1 hour', greatest(drains_at, trusted_until), '1900-01-01Z')
    ) stored,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint login_throttles_tenant_id_id_pk primary key (tenant_id, id),
    constraint login_throttles_tenant_id_username_address_prefix_factor_key
    unique nulls not distinct (tenant_id, username, address_prefix, factor),
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
            ending_hour,
            created_at,
            updated_at
        ) >= '1900-01-01Z'
        and greatest(
            drains_at,
            trusted_until,
            refused_at,
            ending_hour,
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
'Leaky buckets that limit the checks of one factor. There is one for an account and a
network (the pair), one for an account in all networks, one for a network and all
accounts and, on request, one for the whole tenant. A check is reserved in all of them
or in none before it is made, so that racing guesses cannot exceed a limit.';
comment on column authority.login_throttles.tenant_id is 'Owner of the row.';
comment on column authority.login_throttles.id is 'Random.';
comment on column authority.login_throttles.username is
'The guessed account, as users.username_key. May not exist. INVALID: all names that
cannot exist. Null: a bucket of all accounts.';
comment on column authority.login_throttles.address_prefix is
'The guesser''s network: authority.address_prefix for a pair, authority.address_site for
a network''s own bucket. Null: a bucket of all networks.';
comment on column authority.login_throttles.factor is
'What is checked: password, totp, recovery_code, …';
comment on column authority.login_throttles.drains_at is
'When the bucket will be empty. Each check adds the window divided by the limit. The
bucket is full when this time is a window ahead of the clock. It drains by itself, so
that nobody is locked out forever.';
comment on column authority.login_throttles.account_cost is
'What the pair''s last check added to the account''s bucket. A success takes it out
again. Null: nothing to take out.';
comment on column authority.login_throttles.network_cost is
'What the pair''s last check added to the network''s bucket. A success takes it out
again. Null: nothing to take out.';
comment on column authority.login_throttles.trusted_until is
'Until this time the account''s bucket of all networks is neither checked nor filled for
this pair, because the account signed in from this network. Null: it never did.';
comment on column authority.login_throttles.refused_at is
'When a refusal by this bucket was last logged, at most once a minute. Null: never.';
comment on column authority.login_throttles.ending_hour is
'The beginning of the hour, in UTC, within which the bucket becomes empty and untrusted.
After that hour the row may be pruned. A full hour: a check seldom changes it, so most
updates leave its index alone (HOT).';
comment on column authority.login_throttles.created_at is 'When the row was inserted.';
comment on column authority.login_throttles.updated_at is
'When the row last changed. The latest time at which the bucket was checked.';

-- Serves login_attempts.prune_throttles.
create index if not exists login_throttles_ending_hour_idx
on authority.login_throttles (ending_hour);

-- Serves monitoring.list_work. A refusal is noted once a minute, so most updates leave
-- this index alone.
create index if not exists login_throttles_refused_at_idx
on authority.login_throttles (refused_at) where refused_at is not null;

call authority.isolate_tenants('authority.login_throttles');
call authority.let_operators_prune('authority.login_throttles');

alter table authority.login_throttles
drop constraint if exists login_throttles_tenant_id_fk,
add constraint login_throttles_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

grant select, insert on authority.login_throttles to authority_app;
grant
update (
    drains_at, account_cost, network_cost, trusted_until, refused_at, updated_at
)
on authority.login_throttles to authority_app;
grant
select (tenant_id, id, ending_hour),
update (updated_at),
delete
on authority.login_throttles to authority_maintenance;
grant select on authority.login_throttles to authority_reader;
revoke execute on function authority.address_prefix(inet) from public;
grant execute on function authority.address_prefix(inet)
to authority_app, authority_reader;
revoke execute on function authority.address_site(inet) from public;
grant execute on function authority.address_site(inet)
to authority_app, authority_reader;
