-- Creates the functions of the triggers that publish in the feed whatever ends living
-- tokens.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0045_publish_revocations');

create or replace function authority.is_feed_on()
returns boolean
language sql
stable parallel safe
return (current_setting('authority.feed', true) is distinct from 'off')
or current_user <> 'pg_database_owner';

comment on function authority.is_feed_on is
'Returns false only in the functions that erase a tenant or a user. They run as owner
of the database with the setting authority.feed = off, and publish by themselves.';

revoke execute on function authority.is_feed_on() from public;
grant execute on function authority.is_feed_on()
to authority_app, authority_maintenance;

create or replace function authority.publish_revocation()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant_now constant text
        := set_config('authority.tenant_id', old.tenant_id::text, true);
    category constant text := tg_argv[0];
    target uuid := old.id;
    reason text := category || '_deleted';
    ends timestamptz;
begin
    if tg_op = 'UPDATE' then
        reason := new.revocation_reason;
    end if;
    if category = 'session' then
        target := old.sid;
        ends := old.expires_at;
    elsif category = 'token' then
        ends := old.expires_at;
    elsif tg_op = 'UPDATE' then
        ends := new.tokens_expire_at;
    elsif exists (
        select from authority.clients
        where clients.tenant_id = old.tenant_id and clients.id = old.client_uuid
    ) and (
        old.user_id is null
        or exists (
            select from authority.users
            where users.tenant_id = old.tenant_id and users.id = old.user_id
        )
    ) then
        -- The client and the user exist: their deletion has not ended the family.
        ends := old.tokens_expire_at;
    end if;
    if ends > authority.clock() then
        perform authority.append_revocations(
            old.tenant_id,
            category,
            array[target::text],
            array[ends],
            reason,
            authority.clock()
        );
    end if;
    perform set_config('authority.tenant_id', tenant_before, true);
    return null;
end
$$;

comment on function authority.publish_revocation is
'Publishes the end of a token, a family or a session, until its tokens have expired.';

create or replace function authority.await_families()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    perform from authority.consents
    where consents.tenant_id = new.tenant_id and consents.id = new.id
    for update;
    return null;
end
$$;

comment on function authority.await_families is
'Waits for the transactions that are inserting families under the consent, and makes
later ones wait, so that publish_consent sees every family that may have a living
token.';

create or replace function authority.publish_consent()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant_now constant text
        := set_config('authority.tenant_id', new.tenant_id::text, true);
    families text[];
    ends timestamptz[];
begin
    select
        array_agg(authorizations.id::text order by authorizations.id),
        array_agg(authorizations.tokens_expire_at order by authorizations.id)
    into families, ends
    from authority.authorizations
    where
        authorizations.tenant_id = new.tenant_id
        and authorizations.consent_id = new.id
        and authorizations.user_id = new.user_id
        and authorizations.client_uuid = new.client_uuid
        and authorizations.revoked_at is null
        and authorizations.tokens_expire_at > authority.clock();
    if families is not null then
        perform authority.append_revocations(
            new.tenant_id,
            'authorization',
            families,
            ends,
            case
                when new.revoked_at is null then 'consent_narrowed'
                else 'consent_revoked'
            end,
            authority.clock(),
            case when new.revoked_at is null then new.scopes end,
            case when new.revoked_at is null then new.resources end,
            case when new.revoked_at is null then new.authorization_details end
        );
    end if;
    perform set_config('authority.tenant_id', tenant_before, true);
    return null;
end
$$;

comment on function authority.publish_consent is
'Publishes the end of each living family under the consent: of all its tokens if the
consent is revoked, else of those beyond what is left of it.';

create or replace function authority.publish_end()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    -- Without the number of a shard or a partition.
    its_table constant text := rtrim(rtrim(tg_table_name, '0123456789'), '_');
    category constant text := tg_argv[0];
    reason constant text := tg_argv[1];
    effective_at timestamptz := authority.clock();
    tenant_id uuid;
    target text;
    ends timestamptz;
begin
    if its_table = 'tenants' then
        tenant_id := old.id;
        target := old.id;
    else
        tenant_id := old.tenant_id;
    end if;
    if its_table = 'users' then
        target := old.subject_id;
    elsif its_table = 'service_accounts' then
        target := old.account_id;
    elsif its_table = 'clients' then
        target := old.client_id;
    end if;
    perform set_config('authority.tenant_id', tenant_id::text, true);
    if reason like '%_signed_out' then
        effective_at := new.tokens_valid_after;
    end if;
    if tg_op = 'DELETE' then
        ends := effective_at + interval '2160 hours';
    elsif category = 'foreign_tokens' then
        ends := old.foreign_tokens_until;
    end if;
    if reason <> 'tenant_inactive' or not exists (
        select from authority.active_tenants where active_tenants.id = old.id
    ) then
        perform authority.append_revocations(
            tenant_id,
            category,
            array[target],
            array[ends],
            reason,
            effective_at
        );
    end if;
    perform set_config('authority.tenant_id', tenant_before, true);
    return null;
end
$$;

comment on function authority.publish_end is
'Publishes that a tenant, user, client or service account was signed out, disabled,
renamed or deleted, by the name that its tokens carry, or that a tenant refuses tokens
of another store. The entry has no end, except for a deletion and for foreign tokens.';

revoke execute on function
authority.publish_revocation(),
authority.await_families(),
authority.publish_consent(),
authority.publish_end()
from public;
