-- Creates the log of sign-in attempts.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0026_create_login_attempts');

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
'Returns the one form in which the address of a host is stored, counted and looked up.
An IPv6 address that contains an IPv4 address becomes that IPv4 address: mapped (RFC
4291 section 2.5.5.2) or with the well-known prefix of NAT64 (RFC 6052 section 2.1).';

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
'An attempt to sign in. Append-only, with one partition a month (UTC). A partition is
dropped whole when its retention ends.';
comment on column authority.login_attempts.tenant_id is 'Owner of the row.';
comment on column authority.login_attempts.id is 'Random.';
comment on column authority.login_attempts.username is
'The typed name as users.username_key. May belong to no user. INVALID: the typed name
cannot belong to any user.';
comment on column authority.login_attempts.user_id is
'The user, if known. No foreign key, because the log outlives the user.';
comment on column authority.login_attempts.client_id is
'client_id of the application. Null: none. No foreign key, because the log outlives the
client.';
comment on column authority.login_attempts.address is
'Address of the host, in the form of authority.canonical_address. Null: not known.';
comment on column authority.login_attempts.outcome is
'succeeded, failed or throttled. A throttled attempt was refused without a check.';
comment on column authority.login_attempts.reason is
'Why it failed, for operators: unknown_user, wrong_password, … Null: it did not fail.';
comment on column authority.login_attempts.correlation_id is
'Request id, to find the attempt in other logs. Null: none.';
comment on column authority.login_attempts.created_at is
'When the attempt was made. Determines the partition.';

-- Serves login_attempts.list_recent_by_username.
create index if not exists login_attempts_tenant_id_username_created_at_id_idx
on authority.login_attempts (tenant_id, username, created_at, id);
-- Serves login_attempts.list_recent_by_address.
create index if not exists login_attempts_tenant_id_address_created_at_id_idx
on authority.login_attempts (tenant_id, address, created_at, id)
where address is not null;

-- Serves monitoring.list_work. The log is in the order of time, so that a range of
-- pages is enough, and an insert costs nothing.
create index if not exists login_attempts_created_at_idx
on authority.login_attempts using brin (created_at) with (autosummarize = on);

create table if not exists authority.login_attempts_default
partition of authority.login_attempts default;

comment on table authority.login_attempts_default is
'Attempts of months that have no partition, so that no attempt is lost.';

call authority.isolate_tenants('authority.login_attempts');
call authority.isolate_tenants('authority.login_attempts_default');

alter table authority.login_attempts
drop constraint if exists login_attempts_tenant_id_fk,
add constraint login_attempts_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

-- No role gets privileges on a partition: rows are read through the parent table.
grant select, insert on authority.login_attempts to authority_app;
grant select on authority.login_attempts to authority_reader;
revoke execute on function authority.canonical_address(inet) from public;
grant execute on function authority.canonical_address(inet)
to authority_app, authority_reader;
