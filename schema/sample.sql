-- Fills an empty, migrated authority with rows for `authority plans`. Their number and
-- uneven distribution make plans show the cost of production. Only for a throwaway
-- database, never for one in use.
--
-- Each run inserts the same rows: nothing is random, and every time is relative to
-- now(), so that the same share of tokens has expired on any day. Ids are MD5 digests,
-- unordered like random ids.
--
-- Tenants 1 to 20 are in use. Row n of a table belongs to tenant 1 if n is even, else
-- to one of the other nineteen. Rows n and n + 38 therefore have the same tenant. Every
-- number of rows is a multiple of 38, so that row n can refer to row n % 3800 of
-- another table. The other 980 tenants signed up and never came back.

create function pg_temp.id_of(kind text, n bigint)
returns uuid
language sql
immutable
return md5(kind || ' ' || n)::uuid;

create function pg_temp.tenant_of(n bigint)
returns uuid
language sql
immutable
return pg_temp.id_of('tenant', case when n % 2 = 0 then 1 else 2 + n / 2 % 19 end);

-- The events of these rows would be random. Others are inserted below.
do $$
declare
    audited record;
begin
    for audited in
        select pg_trigger.tgname, pg_trigger.tgrelid::regclass as target
        from pg_trigger
        where pg_trigger.tgfoid = 'authority.record_change'::regproc
    loop
        execute format(
            'alter table %s disable trigger %I', audited.target, audited.tgname
        );
    end loop;
end
$$;

insert into authority.tenants (id, code, display_name, status, created_at)
select
    pg_temp.id_of('tenant', n) as id,
    'tenant-' || n as code,
    'Tenant ' || n as display_name,
    case
        when n <= 20 then 'active'
        when n % 10 = 0 then 'terminated'
        when n % 10 = 1 then 'suspended'
        else 'trial'
    end as status,
    now() - (1000 - n) * interval '1 day' as created_at
from generate_series(1, 1000) as n;

-- The roles of each new tenant (tenants.create).
insert into authority.roles (tenant_id, id, name, description, is_system)
select
    tenants.id as tenant_id,
    md5(tenants.code || ' ' || system_roles.name)::uuid as id,
    system_roles.name,
    system_roles.description,
    true as is_system
from authority.tenants
cross join authority.system_roles
order by tenants.created_at, system_roles.name;

insert into authority.role_permissions (tenant_id, role_id, permission)
select
    roles.tenant_id,
    roles.id as role_id,
    granted.permission
from authority.roles
inner join authority.system_roles on roles.name = system_roles.name
cross join lateral unnest(system_roles.permissions) as granted (permission)
order by roles.id, granted.permission;

insert into authority.scopes
(tenant_id, id, name, display_name, description, is_system)
select
    tenants.id as tenant_id,
    md5(tenants.code || ' ' || system_scopes.name)::uuid as id,
    system_scopes.name,
    system_scopes.display_name,
    system_scopes.description,
    true as is_system
from authority.tenants
cross join authority.system_scopes
order by tenants.created_at, system_scopes.name;

insert into authority.roles (tenant_id, id, name, description)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('role', n) as id,
    'team-' || n as name,
    'Made by the tenant.' as description
from generate_series(0, 379) as n;

insert into authority.role_permissions (tenant_id, role_id, permission)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('role', n) as role_id,
    permissions.name as permission
from generate_series(0, 379) as n
cross join authority.permissions
where permissions.name like '%:read'
order by n, permissions.name;

insert into authority.scopes (tenant_id, id, name, display_name, resources)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('scope', n) as id,
    'api.' || n as name,
    'Interface ' || n as display_name,
    array['https://api.example.com/' || n] as resources
from generate_series(0, 949) as n;

insert into authority.users (
    tenant_id,
    id,
    subject_id,
    username,
    username_key,
    email,
    email_verified,
    display_name,
    password_hash,
    status,
    tokens_valid_after,
    created_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('user', n) as id,
    pg_temp.id_of('subject', n)::text as subject_id,
    'User.' || pg_temp.id_of('username', n) as username,
    'user.' || pg_temp.id_of('username', n) as username_key,
    'user.' || n || '@example.com' as email,
    n % 5 <> 0 as email_verified,
    'User ' || n as display_name,
    case
        when n % 10 <> 0
            then
                '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$'
                || translate(pg_temp.id_of('password', n)::text, '-', '')
    end as password_hash,
    case n % 20
        when 3 then 'pending'
        when 7 then 'suspended'
        else 'active'
    end as status,
    case when n % 25 = 0 then now() - interval '10 days' end as tokens_valid_after,
    now() - (19000 - n) * interval '50 minutes' as created_at
from generate_series(0, 18999) as n;

-- Each user has one of the tenant's own roles. Every third user has a second one.
insert into authority.user_roles
(tenant_id, user_id, role_id, granted_by, expires_at, created_at)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('user', n % 19000) as user_id,
    pg_temp.id_of('role', (n + n / 19000 * 38) % 380) as role_id,
    'user.0' as granted_by,
    case when n % 50 = 0 then now() - interval '5 days' end as expires_at,
    now() - (25346 - n) * interval '40 minutes' as created_at
from generate_series(0, 25345) as n;

-- A third of the users signs in with another provider.
insert into authority.user_identities (
    tenant_id,
    issuer,
    subject,
    user_id,
    profile,
    last_used_at,
    created_at,
    updated_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    case
        when n % 2 = 0 then 'https://accounts.google.com'
        else 'https://idp.example/' || n % 10
    end as issuer,
    pg_temp.id_of('identity', n)::text as subject,
    pg_temp.id_of('user', n) as user_id,
    jsonb_build_object('name', 'User ' || n, 'locale', 'en') as profile,
    now() - n * interval '7 minutes' as last_used_at,
    now() - interval '90 days' - n * interval '10 minutes' as created_at,
    now() - n * interval '7 minutes' as updated_at
from generate_series(0, 6332) as n;

-- Half of the users have a passkey, and some of these a security key too.
insert into authority.webauthn_credentials (
    tenant_id,
    id,
    user_id,
    credential_id,
    user_handle,
    public_key,
    sign_count,
    aaguid,
    transports,
    discoverable,
    backup_eligible,
    backed_up,
    uv_initialized,
    name,
    last_used_at,
    created_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('webauthn credential', n) as id,
    pg_temp.id_of('user', n % 9500) as user_id,
    sha256(('credential id ' || n)::bytea) as credential_id,
    uuid_send(pg_temp.id_of('user', n % 9500)) as user_handle,
    sha512(('public key ' || n)::bytea) || decode('a50102032620', 'hex') as public_key,
    case when n >= 9500 then n % 300 else 0 end as sign_count,
    pg_temp.id_of('model', n % 20) as aaguid,
    case when n >= 9500 then array['nfc', 'usb'] else array['hybrid', 'internal'] end
        as transports,
    n < 9500 as discoverable,
    n < 9500 as backup_eligible,
    n < 9500 and n % 4 <> 0 as backed_up,
    true as uv_initialized,
    case when n >= 9500 then 'Key' else 'Phone' end as name,
    now() - n * interval '4 minutes' as last_used_at,
    now() - interval '30 days' - n * interval '40 minutes' as created_at
from generate_series(0, 11399) as n;

-- A third of the users have an application for one-time codes. A few never typed the
-- first code.
insert into authority.totp_credentials (
    tenant_id,
    id,
    user_id,
    secret_ciphertext,
    encryption_key_id,
    algorithm,
    digits,
    period,
    name,
    pending_until,
    confirmed_at,
    last_used_step,
    last_used_at,
    created_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('totp credential', n) as id,
    pg_temp.id_of('user', n % 5700) as user_id,
    decode('01', 'hex') || sha512(('totp secret ' || n)::bytea) as secret_ciphertext,
    case when n % 4 = 0 then '2025' else '2026' end as encryption_key_id,
    'SHA1' as algorithm,
    6 as digits,
    interval '30 seconds' as period,
    'Phone' as name,
    case when n >= 5700 then now() - interval '1 hour' end as pending_until,
    case when n < 5700 then now() - interval '30 days' end as confirmed_at,
    case when n < 5700 then extract(epoch from now())::bigint / 30 - 2 - n end
        as last_used_step,
    case when n < 5700 then now() - interval '1 minute' - n * interval '30 seconds' end
        as last_used_at,
    now() - interval '31 days' as created_at
from generate_series(0, 6079) as n;

insert into authority.recovery_codes (tenant_id, user_id, code_hashes, created_at)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('user', n) as user_id,
    array_agg(sha256((n || ' recovery code ' || position)::bytea)) as code_hashes,
    now() - n * interval '40 minutes' as created_at
from generate_series(0, 5699) as n
cross join generate_series(1, 10) as position
group by n
order by n;

insert into authority.clients (
    tenant_id,
    id,
    client_id,
    application_type,
    client_type,
    display_name,
    redirect_uris,
    permissions,
    enabled,
    created_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('client', n) as id,
    'client-' || pg_temp.id_of('client_id', n) as client_id,
    case when n % 7 = 0 then 'native' else 'web' end as application_type,
    case when n % 3 = 0 then 'public' else 'confidential' end as client_type,
    'Application ' || n as display_name,
    array['https://app-' || n || '.example.com/callback'] as redirect_uris,
    array['ept:token', 'ept:authorization'] as permissions,
    n % 30 <> 0 as enabled,
    now() - (3800 - n) * interval '4 hours' as created_at
from generate_series(0, 3799) as n;

-- Every other client registered itself.
insert into authority.client_registrations (
    tenant_id,
    client_uuid,
    source,
    registration_token_hash,
    software_id,
    contacts,
    client_uri,
    created_at
)
select
    clients.tenant_id,
    clients.id as client_uuid,
    'dynamic' as source,
    sha256(('registration ' || clients.id)::bytea) as registration_token_hash,
    md5(clients.client_id) as software_id,
    array['dev@' || clients.client_id || '.example'] as contacts,
    'https://' || clients.client_id || '.example/' as client_uri,
    clients.created_at
from authority.clients
where substr(clients.id::text, 1, 1) < '8';

-- Two secrets for each client: one in use and one that has expired.
with dated as (
    select
        n,
        now() - interval '600 days' + n * interval '1 hour' as created_at
    from generate_series(0, 7599) as n
)

insert into authority.client_secrets (
    tenant_id,
    id,
    client_uuid,
    secret_hash,
    valid_from,
    valid_until,
    last_used_at,
    created_at
)
select
    pg_temp.tenant_of(dated.n) as tenant_id,
    pg_temp.id_of('client secret', dated.n) as id,
    pg_temp.id_of('client', dated.n % 3800) as client_uuid,
    '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$'
    || translate(pg_temp.id_of('secret', dated.n)::text, '-', '') as secret_hash,
    dated.created_at as valid_from,
    case when dated.n < 3800 then dated.created_at + interval '1 year' end
        as valid_until,
    dated.created_at + interval '200 days' as last_used_at,
    dated.created_at
from dated;

insert into authority.service_accounts
(tenant_id, id, account_id, display_name, allowed_scopes, enabled, created_at)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('service account', n) as id,
    'robot-' || n as account_id,
    'Robot ' || n as display_name,
    array['api.' || n % 950] as allowed_scopes,
    n % 20 <> 0 as enabled,
    now() - (1900 - n) * interval '8 hours' as created_at
from generate_series(0, 1899) as n;

-- Every fourth user has consented. Some have revoked it.
insert into authority.consents (
    tenant_id,
    id,
    user_id,
    client_uuid,
    scopes,
    revoked_at,
    revocation_reason,
    created_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('consent', n) as id,
    pg_temp.id_of('user', n) as user_id,
    pg_temp.id_of('client', n % 3800) as client_uuid,
    array['offline_access', 'openid', 'profile'] as scopes,
    case when n % 40 = 0 then now() - interval '2 days' end as revoked_at,
    case when n % 40 = 0 then 'withdrawn' end as revocation_reason,
    now() - (19000 - n) * interval '10 minutes' as created_at
from generate_series(0, 18999, 4) as n;

-- A session of each user in the last two days. One in eight was ended.
with dated as (
    select
        n,
        now() - (19000 - n) * interval '9 seconds' as created_at
    from generate_series(0, 18999) as n
)

insert into authority.sessions (
    tenant_id,
    id,
    sid,
    cookie_hash,
    user_id,
    acr,
    amr,
    authenticated_at,
    idle_timeout,
    last_used_at,
    expires_at,
    address,
    user_agent,
    revoked_at,
    revocation_reason,
    created_at
)
select
    pg_temp.tenant_of(dated.n) as tenant_id,
    pg_temp.id_of('session', dated.n) as id,
    pg_temp.id_of('sid', dated.n) as sid,
    sha256(('cookie ' || dated.n)::bytea) as cookie_hash,
    pg_temp.id_of('user', dated.n) as user_id,
    'urn:example:two-factors' as acr,
    array['pwd', 'otp'] as amr,
    dated.created_at as authenticated_at,
    interval '30 minutes' as idle_timeout,
    least(now(), dated.created_at + dated.n % 120 * interval '1 minute')
        as last_used_at,
    dated.created_at + interval '12 hours' as expires_at,
    '198.51.100.7' as address,
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
        as user_agent,
    case when dated.n % 8 = 0 then dated.created_at + interval '1 hour' end
        as revoked_at,
    case when dated.n % 8 = 0 then 'signed_out' end as revocation_reason,
    dated.created_at
from dated;

insert into authority.session_clients
(tenant_id, session_id, client_uuid, created_at)
select
    sessions.tenant_id,
    sessions.id as session_id,
    pg_temp.id_of('client', (n + place * 38) % 3800) as client_uuid,
    sessions.created_at
from generate_series(0, 18999) as n
cross join generate_series(0, 1) as place
inner join authority.sessions
    on
        sessions.tenant_id = pg_temp.tenant_of(n)
        and sessions.id = pg_temp.id_of('session', n)
order by n, place;

-- The notices of the last sessions wait.
insert into authority.logout_notices (
    tenant_id,
    id,
    session_id,
    client_uuid,
    status,
    attempts,
    next_attempt_at,
    finished_at,
    expires_at,
    created_at
)
select
    sessions.tenant_id,
    pg_temp.id_of('notice', n) as id,
    sessions.id as session_id,
    pg_temp.id_of('client', n % 3800) as client_uuid,
    case when n < 18240 then 'delivered' else 'waiting' end as status,
    1 as attempts,
    sessions.revoked_at + interval '1 minute' as next_attempt_at,
    case when n < 18240 then sessions.revoked_at + interval '1 second' end
        as finished_at,
    sessions.revoked_at + interval '24 hours' as expires_at,
    sessions.revoked_at as created_at
from generate_series(0, 18999, 8) as n
inner join authority.sessions
    on
        sessions.tenant_id = pg_temp.tenant_of(n)
        and sessions.id = pg_temp.id_of('session', n)
order by n;

-- One sign-in of each user in the last forty days, and some of a service account.
insert into authority.authorizations (
    tenant_id,
    id,
    client_uuid,
    user_id,
    service_account_id,
    consent_id,
    session_id,
    ends_with_session,
    scopes,
    expires_at,
    tokens_expire_at,
    revoked_at,
    revocation_reason,
    created_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('authorization', n) as id,
    pg_temp.id_of('client', n % 3800) as client_uuid,
    case when n % 20 <> 9 then pg_temp.id_of('user', n) end as user_id,
    case when n % 20 = 9 then pg_temp.id_of('service account', n % 1900) end
        as service_account_id,
    case when n % 4 = 0 then pg_temp.id_of('consent', n) end as consent_id,
    case when n % 20 <> 9 and n >= 17000 then pg_temp.id_of('session', n) end
        as session_id,
    n % 20 <> 9 and n >= 17000 and n % 3 = 0 as ends_with_session,
    array['openid', 'profile', 'offline_access'] as scopes,
    now() + (n + 1) * interval '182 seconds' as expires_at,
    now() - (19000 - n) * interval '182 seconds' + interval '31 days'
        as tokens_expire_at,
    case when n % 20 = 1 then now() - interval '1 day' end as revoked_at,
    case when n % 20 = 1 then 'signed_out' end as revocation_reason,
    now() - (19000 - n) * interval '182 seconds' as created_at
from generate_series(0, 18999) as n;

-- Each authorization has a code, two refresh tokens and two access tokens. The code,
-- the first refresh token and half of the second ones were redeemed. Tokens that
-- expired more than a week ago have been pruned, except redeemable ones in a live
-- family (tokens.prune_expired, authorizations.prune_expired).
with kinds (position, type, lifetime) as (
    values
    (1, 'authorization_code', interval '1 minute'),
    (2, 'refresh', interval '30 days'),
    (3, 'access', interval '1 day'),
    (4, 'refresh', interval '30 days'),
    (5, 'access', interval '1 day')
),

issued as (
    select
        n,
        kinds.position,
        kinds.type,
        kinds.lifetime,
        kinds.position in (1, 2) or (kinds.position = 4 and n % 2 = 0) as is_used
    from generate_series(0, 18999) as n
    cross join kinds
)

insert into authority.tokens (
    tenant_id,
    id,
    type,
    token_hash,
    client_uuid,
    user_id,
    service_account_id,
    authorization_id,
    scopes,
    expires_at,
    redeemed_at,
    redemption_hash,
    revoked_at,
    revocation_reason,
    authenticated_at,
    created_at
)
select
    authorizations.tenant_id,
    pg_temp.id_of('token ' || issued.position, issued.n) as id,
    issued.type,
    sha256((issued.position || ' of ' || issued.n)::bytea) as token_hash,
    authorizations.client_uuid,
    authorizations.user_id,
    authorizations.service_account_id,
    authorizations.id as authorization_id,
    authorizations.scopes,
    authorizations.created_at + issued.lifetime as expires_at,
    case when issued.is_used then authorizations.created_at end as redeemed_at,
    case
        when issued.is_used
            then sha256(uuid_send(pg_temp.id_of('redemption', issued.n)))
    end as redemption_hash,
    authorizations.revoked_at,
    authorizations.revocation_reason,
    authorizations.created_at as authenticated_at,
    authorizations.created_at
from issued
inner join authority.authorizations
    on
        authorizations.tenant_id = pg_temp.tenant_of(issued.n)
        and authorizations.id = pg_temp.id_of('authorization', issued.n)
where
    authorizations.created_at + issued.lifetime > now() - interval '7 days'
    or (issued.type <> 'access' and authorizations.tokens_expire_at > now())
order by issued.n, issued.position;

-- Service accounts get tokens without an authorization.
with dated as (
    select
        n,
        now() - (5700 - n) * interval '100 seconds' as created_at
    from generate_series(0, 5699) as n
)

insert into authority.tokens (
    tenant_id,
    id,
    type,
    token_hash,
    client_uuid,
    service_account_id,
    scopes,
    expires_at,
    authenticated_at,
    created_at
)
select
    pg_temp.tenant_of(dated.n) as tenant_id,
    pg_temp.id_of('robot token', dated.n) as id,
    'access' as type,
    sha256(('robot token ' || dated.n)::bytea) as token_hash,
    pg_temp.id_of('client', dated.n % 3800) as client_uuid,
    pg_temp.id_of('service account', dated.n % 1900) as service_account_id,
    array['api.' || dated.n % 950] as scopes,
    dated.created_at + interval '1 hour' as expires_at,
    dated.created_at as authenticated_at,
    dated.created_at
from dated;

-- Requests of the last hour, one a second. One in three is not used.
with dated as (
    select
        n,
        now() - (3800 - n) * interval '1 second' as created_at
    from generate_series(0, 3799) as n
)

insert into authority.pushed_requests (
    tenant_id,
    id,
    request_uri_hash,
    client_uuid,
    parameters,
    expires_at,
    redeemed_at,
    redemption_hash,
    created_at
)
select
    pg_temp.tenant_of(dated.n) as tenant_id,
    pg_temp.id_of('pushed request', dated.n) as id,
    sha256(('pushed request ' || dated.n)::bytea) as request_uri_hash,
    pg_temp.id_of('client', dated.n) as client_uuid,
    '{"response_type": "code", "scope": "openid"}' as parameters,
    dated.created_at + interval '10 minutes' as expires_at,
    case when dated.n % 3 <> 0 then dated.created_at + interval '2 seconds' end
        as redeemed_at,
    case
        when dated.n % 3 <> 0
            then sha256(uuid_send(pg_temp.id_of('push redemption', dated.n)))
    end as redemption_hash,
    dated.created_at
from dated;

-- Of the last hour. Assertions expire after five minutes, proofs after one.
with dated as (
    select
        n,
        now() - (11400 - n) * interval '300 milliseconds' as created_at
    from generate_series(0, 11399) as n
)

insert into authority.used_jtis
(tenant_id, kind, issuer, jti_hash, expires_at, created_at)
select
    pg_temp.tenant_of(dated.n) as tenant_id,
    case when dated.n % 4 = 0 then 'client_assertion' else 'dpop_proof' end as kind,
    case
        when dated.n % 4 = 0
            then 'client-' || pg_temp.id_of('client_id', dated.n % 3800)
        else rpad(md5('key ' || dated.n % 5700), 43, '_')
    end as issuer,
    sha256(('jti ' || dated.n)::bytea) as jti_hash,
    dated.created_at
    + case when dated.n % 4 = 0 then interval '5 minutes' else interval '1 minute' end
        as expires_at,
    dated.created_at
from dated;

-- A device's request every five seconds. The last 360 can still be decided, unless they
-- have been. Requests that expired more than a day ago have been pruned
-- (device_authorizations.prune_expired).
with dated as (
    select
        n,
        now() - (15200 - n) * interval '5 seconds' as created_at
    from generate_series(0, 15199) as n
)

insert into authority.device_authorizations (
    tenant_id,
    id,
    device_code_hash,
    user_code_hash,
    client_uuid,
    scopes,
    status,
    user_id,
    next_poll_at,
    expires_at,
    created_at
)
select
    pg_temp.tenant_of(dated.n) as tenant_id,
    pg_temp.id_of('device', dated.n) as id,
    sha256(('device code ' || dated.n)::bytea) as device_code_hash,
    sha256(('user code ' || dated.n)::bytea) as user_code_hash,
    pg_temp.id_of('client', dated.n % 3800) as client_uuid,
    array['openid', 'profile', 'offline_access'] as scopes,
    case dated.n % 5
        when 0 then 'pending'
        when 1 then 'denied'
        else 'approved'
    end as status,
    case when dated.n % 5 <> 0 then pg_temp.id_of('user', dated.n) end as user_id,
    dated.created_at + interval '40 seconds' as next_poll_at,
    dated.created_at + interval '30 minutes' as expires_at,
    dated.created_at
from dated;

-- Links and codes in mails, one for each purpose and user, of the last two days. Those
-- that expired more than a day ago have been pruned (one_time_tokens.prune_expired).
with dated as (
    select
        n,
        now() - (5700 - n) * interval '30 seconds' as created_at
    from generate_series(0, 5699) as n
)

insert into authority.one_time_tokens (
    tenant_id,
    id,
    purpose,
    user_id,
    email,
    token_hash,
    code_hash,
    expires_at,
    used_at,
    created_at
)
select
    pg_temp.tenant_of(dated.n) as tenant_id,
    pg_temp.id_of('one-time token', dated.n) as id,
    case when dated.n % 4 = 0 then 'sign_in' else 'password_reset' end as purpose,
    pg_temp.id_of('user', dated.n) as user_id,
    'user-' || dated.n || '@example.com' as email,
    sha256(('one-time token ' || dated.n)::bytea) as token_hash,
    case when dated.n % 4 = 0 then sha256(('code ' || dated.n)::bytea) end as code_hash,
    dated.created_at + interval '10 minutes' as expires_at,
    case when dated.n % 3 > 0 then dated.created_at + interval '2 minutes' end
        as used_at,
    dated.created_at
from dated;

-- Each tenant rotates the keys of two algorithms every 30 days. Keys that left the key
-- set more than a day ago have been pruned (signing_keys.prune_expired).
insert into authority.signing_keys (
    tenant_id,
    kid,
    alg,
    public_jwk,
    private_key,
    encryption_key_id,
    signs_from,
    activated_at,
    retired_at,
    published_until,
    created_at
)
select
    tenants.id as tenant_id,
    kids.kid,
    algs.alg,
    jsonb_build_object(
        'kty', algs.kty, 'kid', kids.kid, 'alg', algs.alg, 'use', 'sig'
    ) as public_jwk,
    case
        when ages.age < 2
            then '\x01'::bytea || sha256(kids.kid::bytea) || sha256(kids.kid::bytea)
    end as private_key,
    case when ages.age < 2 then '2026-11' end as encryption_key_id,
    now() + (1 - ages.age) * interval '30 days' as signs_from,
    case when ages.age > 0 then now() + (1 - ages.age) * interval '30 days' end
        as activated_at,
    case when ages.age > 1 then now() - interval '1 minute' end as retired_at,
    case when ages.age > 1 then now() + interval '1 hour' end as published_until,
    now() - ages.age * interval '30 days' as created_at
from authority.tenants
cross join (values ('RS256', 'RSA'), ('ES256', 'EC')) as algs (alg, kty)
cross join generate_series(0, 2) as ages (age)
cross join lateral (
    values (md5(tenants.code || ' ' || algs.alg || ' ' || ages.age))
) as kids (kid);

with dated as (
    select
        n,
        now() - (11400 - n) * interval '8 minutes' as created_at
    from generate_series(0, 11399) as n
)

insert into authority.revocations (
    tenant_id,
    sequence,
    category,
    target,
    reason,
    effective_at,
    expires_at,
    created_at
)
select
    pg_temp.tenant_of(dated.n) as tenant_id,
    row_number() over (partition by pg_temp.tenant_of(dated.n) order by dated.n)
        as sequence,
    case dated.n % 20
        when 0 then 'client'
        when 1 then 'authorization'
        when 2 then 'subject'
        else 'token'
    end as category,
    pg_temp.id_of('target', dated.n)::text as target,
    'signed_out' as reason,
    dated.created_at as effective_at,
    case when dated.n % 20 <> 0 then dated.created_at + interval '30 days' end
        as expires_at,
    dated.created_at
from dated
order by dated.n;

-- The entries of most tenants have been pruned.
insert into authority.revocation_sequences (tenant_id, last_sequence)
select
    tenants.id as tenant_id,
    coalesce(max(revocations.sequence), 1) as last_sequence
from authority.tenants
left join authority.revocations on tenants.id = revocations.tenant_id
group by tenants.id
order by tenants.id;

-- Each partition has the same number of rows: the default one has those of last month,
-- and future months have rows too, because the plan of an empty partition is
-- meaningless.
insert into authority.login_attempts (
    tenant_id,
    id,
    username,
    user_id,
    client_id,
    address,
    outcome,
    reason,
    correlation_id,
    created_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('attempt in month ' || month, n) as id,
    'user.' || pg_temp.id_of('username', n) as username,
    pg_temp.id_of('user', n) as user_id,
    'client-' || pg_temp.id_of('client_id', n % 3800) as client_id,
    '10.0.0.0'::inet + n % 5000 as address,
    case when n % 8 = 0 then 'failed' else 'succeeded' end as outcome,
    case when n % 8 = 0 then 'wrong_password' end as reason,
    pg_temp.id_of('request in month ' || month, n)::text as correlation_id,
    (
        date_trunc('month', now() at time zone 'UTC')
        + month * interval '1 month'
        + n * interval '4 minutes'
    ) at time zone 'UTC' as created_at
from generate_series(-1, 3) as month
cross join generate_series(0, 7599) as n
order by month, n;

-- The newest events of a month are not sealed yet.
insert into authority.audit_events (
    tenant_id, id, action, is_change, target_kind, target_id, user_id, changes,
    actor_kind, actor_id, client_id, address, login, target_salt, actor_salt,
    number, seal, created_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('event in month ' || month, n) as id,
    'users.update' as action,
    true as is_change,
    'users' as target_kind,
    pg_temp.id_of('user', n)::text as target_id,
    pg_temp.id_of('user', n) as user_id,
    '{"status": {"old": "active", "new": "suspended"}}' as changes,
    'user' as actor_kind,
    pg_temp.id_of('user', n % 380)::text as actor_id,
    'client-' || pg_temp.id_of('client_id', n % 3800) as client_id,
    '10.0.0.0'::inet + n % 5000 as address,
    'service' as login,
    pg_temp.id_of('target salt in month ' || month, n) as target_salt,
    pg_temp.id_of('actor salt in month ' || month, n) as actor_salt,
    case when n < 7400 then 1 + n / 2 end as number,
    case when n < 7400 then sha256(int8send(n)) end as seal,
    (
        date_trunc('month', now() at time zone 'UTC')
        + month * interval '1 month'
        + n * interval '4 minutes'
    ) at time zone 'UTC' as created_at
from generate_series(-1, 3) as month
cross join generate_series(0, 7599) as n
order by month, n;

-- Three buckets for each account: of the pair, of the account and of its network.
insert into authority.login_throttles (
    tenant_id,
    id,
    username,
    address_prefix,
    factor,
    drains_at,
    account_cost,
    network_cost,
    trusted_until,
    created_at
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('throttle of ' || buckets.kind, n) as id,
    case
        when buckets.kind <> 'network' then 'user.' || pg_temp.id_of('username', n)
    end as username,
    case
        when buckets.kind <> 'account'
            then authority.address_prefix('10.0.0.0'::inet + n * 256)
    end as address_prefix,
    'password' as factor,
    now() + (n - 3000) * interval '5 minutes' as drains_at,
    case when buckets.kind = 'pair' then interval '18 seconds' end as account_cost,
    case when buckets.kind = 'pair' then interval '4.5 seconds' end as network_cost,
    case
        when buckets.kind = 'pair' and n % 4 = 0
            then now() + (n - 3000) * interval '1 hour'
    end as trusted_until,
    now() - (3800 - n) * interval '5 minutes' as created_at
from generate_series(0, 3799) as n
cross join (values ('pair'), ('account'), ('network')) as buckets (kind)
order by n, buckets.kind;

insert into authority.licenses (
    tenant_id,
    id,
    key_hash,
    plan,
    seats,
    features,
    limits,
    valid_from,
    valid_until,
    grace,
    status
)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('license', n) as id,
    sha256(('license ' || n)::bytea) as key_hash,
    case when n % 4 = 0 then 'business' else 'basic' end as plan,
    10 as seats,
    array['export', 'single_sign_on'] as features,
    '{"requests": 100000, "exports": 100}'::jsonb as limits,
    now() - (1900 - n) * interval '8 hours' as valid_from,
    now() - (1900 - n) * interval '8 hours' + interval '1 year' as valid_until,
    interval '14 days' as grace,
    case n % 40
        when 1 then 'suspended'
        when 2 then 'revoked'
        else 'active'
    end as status
from generate_series(0, 1899) as n;

-- Seven of ten seats have a holder. Two of these seven leases have ended.
insert into authority.license_seats
(tenant_id, license_id, seat_number, holder, leased_until)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('license', n) as license_id,
    seat_number,
    case when seat_number <= 7 then 'device-' || seat_number end as holder,
    case
        when seat_number <= 2 then now() - interval '1 day'
        when seat_number <= 7 then now() + interval '1 day'
    end as leased_until
from generate_series(0, 1899) as n
cross join generate_series(1, 10) as seat_number
order by n, seat_number;

-- One use a month of two metrics of each licence, for a year.
insert into authority.license_usage
(tenant_id, license_id, metric, idempotency_key, period_start, period_end, quantity)
select
    pg_temp.tenant_of(n) as tenant_id,
    pg_temp.id_of('license', n) as license_id,
    metric,
    pg_temp.id_of(metric || ' in month ' || month, n)::text as idempotency_key,
    (
        date_trunc('month', now() at time zone 'UTC') + month * interval '1 month'
    )::date as period_start,
    (
        date_trunc('month', now() at time zone 'UTC') + (month + 1) * interval '1 month'
    )::date as period_end,
    5 as quantity
from generate_series(0, 1899) as n
cross join generate_series(-11, 0) as month
cross join unnest(array['exports', 'requests']) as metric
order by month, n, metric;

insert into authority.license_usage_totals (
    tenant_id,
    license_id,
    metric,
    period_start,
    period_end,
    used,
    allowance,
    overage_policy
)
select
    license_usage.tenant_id,
    license_usage.license_id,
    license_usage.metric,
    license_usage.period_start,
    license_usage.period_end,
    sum(license_usage.quantity) as used,
    (licenses.limits ->> license_usage.metric)::bigint as allowance,
    licenses.overage_policy
from authority.license_usage
inner join authority.licenses
    on
        license_usage.tenant_id = licenses.tenant_id
        and license_usage.license_id = licenses.id
group by
    license_usage.tenant_id,
    license_usage.license_id,
    license_usage.metric,
    license_usage.period_start,
    license_usage.period_end,
    licenses.limits,
    licenses.overage_policy
order by
    license_usage.period_start, license_usage.license_id, license_usage.metric;
