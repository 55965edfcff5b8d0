-- Creates tenants, the owners of all other rows.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0006_create_tenants');

create table if not exists authority.tenants (
    id uuid not null default gen_random_uuid(),
    code text collate "C" not null,
    display_name text not null,
    status text not null default 'active',
    settings jsonb not null default '{}',
    tokens_valid_after timestamptz,
    foreign_tokens_until timestamptz,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint tenants_id_pk primary key (id),
    constraint tenants_code_key unique (code),
    constraint tenants_code_check
    check (code ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' and char_length(code) <= 63),
    constraint tenants_display_name_check
    check (display_name <> '' and char_length(display_name) <= 256),
    constraint tenants_status_check
    check (status in ('active', 'suspended', 'trial', 'terminated')),
    constraint tenants_settings_check
    check (jsonb_typeof(settings) = 'object' and authority.is_bounded_json(settings)),
    constraint tenants_moments_check
    check (
        least(tokens_valid_after, foreign_tokens_until, created_at, updated_at)
        >= '1900-01-01Z'
        and greatest(tokens_valid_after, foreign_tokens_until, created_at, updated_at)
        < '9000-01-01Z'
    )
);

comment on table authority.tenants is
'A customer of the authority. Every other row belongs to exactly one tenant.';
comment on column authority.tenants.id is
'Random. Part of every token string, so that a lookup never crosses tenants.';
comment on column authority.tenants.code is
'Name in URLs and configuration: a DNS label (RFC 1035), lower case.';
comment on column authority.tenants.display_name is 'Name shown to people.';
comment on column authority.tenants.status is
'active and trial tenants issue and verify tokens; suspended and terminated ones do
not.';
comment on column authority.tenants.settings is
'Open object of the embedding service. The store never reads it.';
comment on column authority.tenants.tokens_valid_after is
'Tokens are dead if their sign-in, or for a machine their issuance, is at or before this
time. Only increases. Null: never set.';
comment on column authority.tenants.foreign_tokens_until is
'Until this time, tokens of another store that were imported are alive under their old
strings. Null: never.';
comment on column authority.tenants.created_at is 'When the row was inserted.';
comment on column authority.tenants.updated_at is 'When the row last changed.';
comment on column authority.tenants.row_version is
'Optimistic lock: an update names the version that it read.';

call authority.isolate_tenants('authority.tenants', 'id');
-- The owner reads all tenants: find_tenant looks one up by its code, and a migration
-- changes the rows of each tenant in turn.
drop policy if exists tenants_owner_policy on authority.tenants;
create policy tenants_owner_policy on authority.tenants
for select to pg_database_owner using (true);
-- Operators create and change tenants.
drop policy if exists tenants_maintenance_policy on authority.tenants;
create policy tenants_maintenance_policy on authority.tenants
to authority_maintenance using (true);

grant select on authority.tenants
to authority_app, authority_maintenance, authority_reader;
-- A tenant's own administrators change every column but its status.
grant
update (code, display_name, settings, tokens_valid_after, updated_at, row_version)
on authority.tenants to authority_app;
grant insert (code, display_name, status, settings)
on authority.tenants to authority_maintenance;
grant update (
    code,
    display_name,
    status,
    settings,
    tokens_valid_after,
    foreign_tokens_until,
    updated_at,
    row_version
) on authority.tenants to authority_maintenance;

create or replace view authority.active_tenants
with (security_invoker = true) as
select
    tenants.id,
    tenants.status,
    tenants.tokens_valid_after,
    tenants.foreign_tokens_until
from authority.tenants
where tenants.status in ('active', 'trial');

comment on view authority.active_tenants is
'The tenants that issue and verify tokens: active or on trial.';

grant select on authority.active_tenants to authority_app, authority_reader;

create or replace function authority.enter_tenant(
    tenant_id uuid, actor text default null
)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    tenant_now constant text
        := set_config('authority.tenant_id', tenant_id::text, true);
    actor_now constant text := set_config('authority.actor', actor, true);
    -- The rules depend on these settings. The session or its role may have changed
    -- them.
    security_now constant text := set_config('row_security', 'on', true);
    waits_now constant text := set_config('lock_timeout', '0', true);
    zone_now constant text := set_config('TimeZone', 'UTC', true);
    nulls_now constant text := set_config('array_nulls', 'on', true);
    status text;
begin
    if current_setting('transaction_isolation') <> 'read committed'
        and pg_has_role('authority_app', 'usage')
    then
        raise exception 'transaction_isolation is not read committed'
        using errcode = 'TN003';
    end if;
    if not row_security_active('authority.tenants')
        or pg_has_role('authority_maintenance', 'usage')
        or pg_has_role('pg_database_owner', 'usage')
    then
        raise exception 'row-level security does not restrict the role %', current_user
        using errcode = 'TN002';
    end if;
    select active_tenants.status into status
    from authority.active_tenants
    where active_tenants.id = tenant_id;
    if status is null then
        raise exception 'the tenant is unknown, suspended or terminated'
        using errcode = 'TN001';
    end if;
    return status;
end
$$;

comment on function authority.enter_tenant(uuid, text) is
'Sets the tenant for the rest of the transaction and returns its status. Raises SQLSTATE
TN001 if the tenant is neither active nor on trial, TN002 if row-level security does not
restrict the role, and TN003 if a service''s transaction is not read committed. Sets
row_security, lock_timeout, TimeZone and array_nulls for the transaction. The actor, an
object for authority.current_actor, is recorded with all changes of the transaction.';

create or replace function authority.find_tenant(code text)
returns uuid
language sql
stable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as 'select tenants.id from authority.tenants where tenants.code = find_tenant.code';

comment on function authority.find_tenant(text) is
'Returns the id of the tenant with this code, in any status, or null. Runs as its owner,
because a service has no tenant yet when it calls this. It reveals nothing but the id,
and only to a caller that knows the whole code.';

revoke execute on function authority.enter_tenant(uuid, text) from public;
grant execute on function authority.enter_tenant(uuid, text)
to authority_app, authority_reader;
revoke execute on function authority.find_tenant(text) from public;
grant execute on function authority.find_tenant(text)
to authority_app, authority_reader;
