-- Fills one tenant of a migrated, empty authority with long lists: `lists.rows` rows in
-- each. Only for a throwaway database. Row n has the key n, with eight digits, or an
-- MD5 digest as id; a third of the rows of a list of live rows is dead.
set session_replication_role = replica;

create function pg_temp.id_of(kind text, n bigint default 0)
returns uuid
language sql
immutable
return md5(kind || ' ' || n)::uuid;

create function pg_temp.key_of(n bigint)
returns text
language sql
immutable
return lpad(n::text, 8, '0');

create temp table numbers as
select
    n,
    pg_temp.id_of('tenant') as tenant_id,
    pg_temp.key_of(n) as key,
    n % 3 = 0 as is_dead,
    now() - interval '1 day' as earlier,
    now() + interval '7 days' as later
from generate_series(1, current_setting('lists.rows')::bigint) as n;
analyze numbers;

insert into authority.tenants (id, code, display_name)
select pg_temp.id_of('tenant', n) as id, 'tenant-' || key as code, 'Tenant' as display_name
from numbers
union all
values (pg_temp.id_of('tenant'), 'lists', 'Lists');

-- About 60 users wait for their first sign-in.
insert into authority.users (tenant_id, id, username, username_key, status)
select
    tenant_id, pg_temp.id_of('user', n), 'user-' || key, 'user-' || key,
    case
        when n % greatest(1, current_setting('lists.rows')::bigint / 60) = 0
            then 'pending'
        else 'active'
    end
from numbers;

insert into authority.clients (tenant_id, id, client_id, client_type)
select tenant_id, pg_temp.id_of('client', n), 'client-' || key, 'public' from numbers;

insert into authority.service_accounts (tenant_id, id, account_id, display_name)
select tenant_id, pg_temp.id_of('account', n), 'robot-' || key, '' from numbers;

insert into authority.scopes (tenant_id, id, name, display_name)
select tenant_id, pg_temp.id_of('scope', n), 'scope-' || key, '' from numbers;

insert into authority.roles (tenant_id, id, name, description)
select tenant_id, pg_temp.id_of('role', n), 'role-' || key, '' from numbers;

insert into authority.permissions (name, description)
select 'list:p' || key, '' from numbers;

-- The first role has all permissions, and each user has that role.
insert into authority.role_permissions (tenant_id, role_id, permission)
select tenant_id, pg_temp.id_of('role', 1), 'list:p' || key from numbers;

insert into authority.user_roles (tenant_id, user_id, role_id, expires_at)
select
    tenant_id, pg_temp.id_of('user', n), pg_temp.id_of('role', 1),
    case when is_dead then earlier end
from numbers;

insert into authority.consents (tenant_id, id, user_id, client_uuid, scopes)
select
    tenant_id, pg_temp.id_of('consent', n), pg_temp.id_of('user', 1),
    pg_temp.id_of('client', n), '{openid}'
from numbers;

insert into authority.sessions (
    tenant_id, id, sid, cookie_hash, user_id, authenticated_at, idle_timeout,
    last_used_at, expires_at, revoked_at, revocation_reason
)
select
    tenant_id, pg_temp.id_of('session', n), pg_temp.id_of('sid', n),
    sha256(key::bytea), pg_temp.id_of('user', 1), earlier, interval '7 days',
    earlier, later, case when is_dead then earlier end,
    case when is_dead then 'ended' end
from numbers;

insert into authority.session_clients (tenant_id, session_id, client_uuid)
select tenant_id, pg_temp.id_of('session', 1), pg_temp.id_of('client', n) from numbers;

insert into authority.authorizations (
    tenant_id, id, client_uuid, user_id, scopes, tokens_expire_at, revoked_at,
    revocation_reason, created_at
)
select
    tenant_id, pg_temp.id_of('family', n), pg_temp.id_of('client', 1),
    pg_temp.id_of('user', 1), '{openid}', later, case when is_dead then earlier end,
    case when is_dead then 'ended' end, earlier
from numbers;

insert into authority.tokens (
    tenant_id, id, type, token_hash, client_uuid, user_id, service_account_id,
    authorization_id, expires_at, revoked_at, revocation_reason, authenticated_at,
    created_at
)
select
    tenant_id, pg_temp.id_of('token ' || subject, n), 'access',
    sha256((subject || key)::bytea), pg_temp.id_of('client', 1),
    case subject when 'user' then pg_temp.id_of('user', 1) end,
    case subject when 'account' then pg_temp.id_of('account', 1) end,
    -- The first family is in force.
    case subject when 'user' then pg_temp.id_of('family', 1) end,
    later, case when is_dead then earlier end, case when is_dead then 'ended' end,
    earlier, earlier
from numbers
cross join (values ('user'), ('account')) as subjects (subject);

-- About 60 notices were given up.
insert into authority.logout_notices (
    tenant_id, id, session_id, client_uuid, status, attempts, next_attempt_at,
    finished_at, expires_at
)
select
    tenant_id, pg_temp.id_of('notice', n), pg_temp.id_of('session', n),
    pg_temp.id_of('client', n),
    case
        when n % greatest(1, current_setting('lists.rows')::bigint / 60) = 0
            then 'given_up'
        else 'delivered'
    end,
    1, earlier, earlier, later
from numbers;

insert into authority.one_time_tokens
(tenant_id, id, purpose, email, token_hash, expires_at)
select
    tenant_id, pg_temp.id_of('invitation', n), 'invitation',
    'user-' || key || '@example.com', sha256(key::bytea), later
from numbers;

insert into authority.user_identities (tenant_id, issuer, subject, user_id)
select tenant_id, 'https://idp.example', key, pg_temp.id_of('user', 1) from numbers;

-- One metric has many periods, and the newest period many metrics. There are no more
-- days before the year 9000.
insert into authority.license_usage_totals (
    tenant_id, license_id, metric, period_start, period_end, used, overage_policy
)
select
    tenant_id, pg_temp.id_of('license'), 'calls', '1900-01-01'::date + n::integer,
    '1900-01-02'::date + n::integer, 1, 'allow'
from numbers
where n <= 2500000
union all
select
    tenant_id, pg_temp.id_of('license'), 'metric-' || key, '8990-01-01', '8990-02-01',
    1, 'allow'
from numbers;

insert into authority.login_attempts
(tenant_id, id, username, address, outcome, created_at)
select
    tenant_id, pg_temp.id_of('attempt', n), 'ann', '192.0.2.1', 'succeeded',
    now() - n * interval '1 millisecond'
from numbers;

insert into authority.audit_events (
    tenant_id, id, action, is_change, target_kind, target_id, actor_kind, actor_id,
    login, created_at
)
select
    tenant_id, pg_temp.id_of('event', n), 'users.update', true, 'users', 'ann',
    'user', 'ann', 'service', now() - n * interval '1 millisecond'
from numbers;

-- One subject is concerned by all entries of the subjects' category.
insert into authority.revocations (
    tenant_id, sequence, category, target, reason, effective_at, expires_at
)
select
    tenant_id, n, case when n % 2 = 0 then 'subject' else 'token' end,
    case when n % 2 = 0 then 'ann' else key end, 'ended', earlier - interval '1 day',
    case when is_dead then earlier else later end
from numbers;

insert into authority.signing_keys (
    tenant_id, kid, alg, public_jwk, signs_from, activated_at, retired_at,
    published_until
)
select
    tenant_id, key, 'RS256',
    jsonb_build_object('kty', 'RSA', 'kid', key, 'alg', 'RS256', 'use', 'sig'),
    earlier, earlier, earlier, later
from numbers;

reset session_replication_role;
