-- Fills one tenant with a row of everything. The setting world.tenant is its code,
-- world.extent is 1 or 2: tenant 2 has more of what is counted, and one role and one
-- permission more. Every name, client_id and hash is the same in each tenant; ids begin
-- with world.ids: two tenants where it is the same are twins.
create or replace function pg_temp.id_of(kind text)
returns uuid
language sql
return (
    current_setting('world.ids')
    || substr(md5(current_setting('world.ids') || kind), 9)
)::uuid;

create or replace function pg_temp.tenant()
returns uuid
language sql
return md5('tenant ' || current_setting('world.tenant'))::uuid;

create or replace function pg_temp.extent()
returns bigint
language sql
return current_setting('world.extent')::bigint;

insert into authority.tenants (id, code, display_name, settings)
select
    pg_temp.tenant() as id,
    current_setting('world.tenant') as code,
    'Tenant ' || current_setting('world.tenant') as display_name,
    '{}' as settings;

insert into authority.roles (tenant_id, id, name, description)
values
(pg_temp.tenant(), pg_temp.id_of('role'), 'editor', 'Writes.'),
(pg_temp.tenant(), pg_temp.id_of('second role'), 'reviewer', 'Reads.'),
(pg_temp.tenant(), pg_temp.id_of('free role'), 'nobody', 'Held by nobody now.');

insert into authority.role_permissions (tenant_id, role_id, permission)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of('role') as role_id,
    granted.permission
from (
    values (1, 'users:read'), (2, 'users:write')
) as granted (position, permission)
where granted.position <= pg_temp.extent();

insert into authority.users
(
    tenant_id, id, subject_id, username, username_key, email, email_verified,
    display_name, password_hash
)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('user'),
    'sub-of-' || current_setting('world.tenant'),
    'Ann',
    'ann',
    'ann@example.com',
    true,
    'Ann of ' || current_setting('world.tenant'),
    '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'
);

insert into authority.user_roles (tenant_id, user_id, role_id, granted_by)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of('user') as user_id,
    pg_temp.id_of(held.kind) as role_id,
    current_setting('world.tenant') as granted_by
from (values (1, 'role'), (2, 'second role')) as held (position, kind)
where held.position <= pg_temp.extent();

insert into authority.user_roles (tenant_id, user_id, role_id, expires_at)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('user'),
    pg_temp.id_of('free role'),
    now() - interval '1 day'
);

insert into authority.user_identities
(tenant_id, issuer, subject, user_id, profile, last_used_at)
select
    pg_temp.tenant() as tenant_id,
    'https://idp.example.com' as issuer,
    'ann ' || numbers.position as subject,
    pg_temp.id_of('user') as user_id,
    jsonb_build_object('name', 'Ann of ' || current_setting('world.tenant'))
        as profile,
    now() as last_used_at
from generate_series(1, pg_temp.extent()) as numbers (position);

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
    backup_eligible,
    backed_up,
    uv_initialized,
    name
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of('passkey ' || numbers.position) as id,
    pg_temp.id_of('user') as user_id,
    sha256(('passkey ' || numbers.position)::bytea) as credential_id,
    'handle of Ann'::bytea as user_handle,
    ('key of ' || current_setting('world.tenant'))::bytea as public_key,
    numbers.position as sign_count,
    '00112233-4455-6677-8899-aabbccddeeff'::uuid as aaguid,
    array['internal'] as transports,
    true as backup_eligible,
    true as backed_up,
    true as uv_initialized,
    'Phone of Ann of ' || current_setting('world.tenant') as name
from generate_series(1, pg_temp.extent()) as numbers (position);

-- A confirmed secret, another one in tenant 2, and a pending one.
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
    last_used_at
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of(enrolled.kind) as id,
    pg_temp.id_of('user') as user_id,
    decode('01', 'hex') || sha256(enrolled.kind::bytea) as secret_ciphertext,
    'old' as encryption_key_id,
    'SHA1' as algorithm,
    6 as digits,
    interval '30 seconds' as period,
    'Application of Ann of ' || current_setting('world.tenant') as name,
    case when enrolled.position = 3 then now() + interval '1 hour' end
        as pending_until,
    case when enrolled.position < 3 then now() end as confirmed_at,
    case when enrolled.position < 3 then 7 end as last_used_step,
    case when enrolled.position < 3 then now() end as last_used_at
from (
    values (1, 'totp'), (2, 'second totp'), (3, 'pending totp')
) as enrolled (position, kind)
where enrolled.position <> 2 or pg_temp.extent() = 2;

insert into authority.recovery_codes (tenant_id, user_id, code_hashes)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of('user') as user_id,
    array_agg(sha256(('recovery code ' || numbers.position)::bytea)) as code_hashes
from generate_series(1, 2 + pg_temp.extent()) as numbers (position);

insert into authority.clients
(
    tenant_id,
    id,
    client_id,
    client_type,
    display_name,
    redirect_uris,
    backchannel_logout_uri
)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('client'),
    'portal',
    'confidential',
    'Portal of ' || current_setting('world.tenant'),
    array['https://portal.example.com/'],
    'https://portal.example.com/logout'
);

insert into authority.client_registrations
(tenant_id, client_uuid, source, registration_token_hash, software_id)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('client'),
    'dynamic',
    sha256('registration'),
    'portal of ' || current_setting('world.tenant')
);

insert into authority.client_secrets
(tenant_id, id, client_uuid, secret_hash, description, valid_until)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('secret'),
    pg_temp.id_of('client'),
    '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA',
    'Installed at ' || current_setting('world.tenant'),
    now() + interval '300 days'
);

insert into authority.scopes (tenant_id, id, name, display_name)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('scope'),
    'api.read',
    'Read from ' || current_setting('world.tenant')
);

insert into authority.service_accounts
(tenant_id, id, account_id, display_name, allowed_scopes, authorized_client_uuids)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('service account'),
    'robot',
    'Robot of ' || current_setting('world.tenant'),
    array['api.read'],
    array[pg_temp.id_of('client')]
);

insert into authority.service_accounts (tenant_id, id, account_id)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of('second service account') as id,
    'robot-of-2' as account_id
where pg_temp.extent() = 2;

-- Of two consents, the one that is in force in tenant 1 is revoked in tenant 2.
create or replace function pg_temp.consent(is_in_force boolean)
returns uuid
language sql
return pg_temp.id_of(
    case
        when is_in_force = (pg_temp.extent() = 1) then 'consent'
        else 'second consent'
    end
);

-- A consent, the family of one sign-in, and what a sign-in has left. Of what the used
-- token was redeemed for, one is used as well in tenant 2.
insert into authority.consents (tenant_id, id, user_id, client_uuid, scopes)
values
(
    pg_temp.tenant(),
    pg_temp.consent(is_in_force => true),
    pg_temp.id_of('user'),
    pg_temp.id_of('client'),
    array['api.read']
);

insert into authority.consents
(tenant_id, id, user_id, client_uuid, scopes, revoked_at, revocation_reason)
values
(
    pg_temp.tenant(),
    pg_temp.consent(is_in_force => false),
    pg_temp.id_of('user'),
    pg_temp.id_of('client'),
    array['api.read'],
    now() - interval '1 day',
    'Left by ' || current_setting('world.tenant')
);

-- A session in use and one that is over, and what the second one's client is to learn.
insert into authority.sessions (
    tenant_id,
    id,
    sid,
    cookie_hash,
    user_id,
    amr,
    authenticated_at,
    idle_timeout,
    last_used_at,
    expires_at,
    user_agent,
    created_at
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of(begun.kind) as id,
    pg_temp.id_of('sid of ' || begun.kind) as sid,
    sha256(('cookie of ' || begun.kind)::bytea) as cookie_hash,
    pg_temp.id_of('user') as user_id,
    array['pwd'] as amr,
    now() + begun.remaining - interval '7 days' as authenticated_at,
    interval '7 days' as idle_timeout,
    now() + begun.remaining - interval '7 days' as last_used_at,
    now() + begun.remaining as expires_at,
    'Browser of ' || current_setting('world.tenant') as user_agent,
    now() + begun.remaining - interval '7 days' as created_at
from (
    values
    ('session', interval '6 days'),
    ('last session', interval '-1 day'),
    ('old session', interval '-2 days'),
    ('oldest session', interval '-3 days')
) as begun (kind, remaining);

insert into authority.session_clients (tenant_id, session_id, client_uuid)
values
(pg_temp.tenant(), pg_temp.id_of('session'), pg_temp.id_of('client')),
(pg_temp.tenant(), pg_temp.id_of('last session'), pg_temp.id_of('client'));

insert into authority.logout_notices (
    tenant_id,
    id,
    session_id,
    client_uuid,
    attempts,
    next_attempt_at,
    expires_at,
    created_at
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of(queued.kind) as id,
    pg_temp.id_of(queued.session) as session_id,
    pg_temp.id_of('client') as client_uuid,
    1 as attempts,
    now() - interval '1 hour' as next_attempt_at,
    now() + queued.remaining as expires_at,
    now() - interval '1 day' as created_at
from (
    values
    ('notice', 'last session', interval '5 hours'),
    ('old notice', 'old session', interval '-1 hour')
) as queued (kind, session, remaining);

insert into authority.authorizations
(tenant_id, id, client_uuid, user_id, consent_id, scopes, tokens_expire_at, created_at)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of(families.kind) as id,
    pg_temp.id_of('client') as client_uuid,
    pg_temp.id_of('user') as user_id,
    pg_temp.consent(is_in_force => true) as consent_id,
    array['api.read'] as scopes,
    now() + families.remaining as tokens_expire_at,
    now() - interval '90 days' as created_at
from (
    values
    ('family', interval '20 days'),
    ('remains', interval '-1 day')
) as families (kind, remaining);

insert into authority.tokens (
    tenant_id,
    id,
    type,
    token_hash,
    client_uuid,
    user_id,
    authorization_id,
    parent_id,
    scopes,
    redirect_uri,
    expires_at,
    redeemed_at,
    redemption_hash,
    authenticated_at,
    created_at
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of(issued.kind) as id,
    issued.type,
    sha256(issued.kind::bytea) as token_hash,
    pg_temp.id_of('client') as client_uuid,
    pg_temp.id_of('user') as user_id,
    pg_temp.id_of('family') as authorization_id,
    case when issued.is_successor then pg_temp.id_of('used') end as parent_id,
    array['api.read'] as scopes,
    issued.redirect_uri,
    now() + issued.remaining as expires_at,
    case when issued.is_used then now() - interval '3 hours' end as redeemed_at,
    case
        when issued.is_used
            then sha256(uuid_send('00000000-0000-0000-0000-000000000002'))
    end as redemption_hash,
    now() - interval '1 day' * case issued.kind when 'forgotten' then 3 else 1 end
        as authenticated_at,
    case issued.kind
        when 'code' then now() - interval '1 minute'
        when 'forgotten' then now() - interval '3 days'
        else now() - interval '1 day'
    end as created_at
from (
    values
    ('access', 'access', null, interval '5 hours', false, true),
    ('refresh', 'refresh', null, interval '20 days', false, true),
    (
        'code',
        'authorization_code',
        'https://portal.example.com/',
        interval '8 minutes',
        false,
        false
    ),
    ('used', 'refresh', null, interval '10 days', true, false),
    ('forgotten', 'refresh', null, interval '-2 days', false, false),
    (
        'next',
        'device_code',
        null,
        interval '2 hours',
        pg_temp.extent() = 2,
        true
    ),
    (
        'late device',
        'device_code',
        null,
        interval '-5 minutes',
        pg_temp.extent() = 2,
        false
    ),
    ('expired', 'access', null, interval '-4 hours', false, false)
) as issued (kind, type, redirect_uri, remaining, is_used, is_successor);

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
values (
    pg_temp.tenant(),
    pg_temp.id_of('access of robot'),
    'access',
    sha256('access of robot'),
    pg_temp.id_of('client'),
    pg_temp.id_of('service account'),
    array['api.read'],
    now() + interval '5 hours',
    now() - interval '1 day',
    now() - interval '1 day'
);

-- A request whose tokens were not fetched in time in tenant 1, but in tenant 2, and a
-- pending request.
insert into authority.device_authorizations (
    tenant_id,
    id,
    device_code_hash,
    user_code_hash,
    client_uuid,
    scopes,
    status,
    user_id,
    expires_at,
    created_at
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of(asking.kind) as id,
    sha256(asking.kind::bytea) as device_code_hash,
    sha256(('code of ' || asking.kind)::bytea) as user_code_hash,
    pg_temp.id_of('client') as client_uuid,
    array['api.read'] as scopes,
    asking.status,
    case when asking.status <> 'pending' then pg_temp.id_of('user') end as user_id,
    now() + asking.remaining as expires_at,
    now() + asking.remaining - interval '30 minutes' as created_at
from (
    values
    ('late device', 'approved', interval '-5 minutes'),
    ('device', 'pending', interval '25 minutes')
) as asking (kind, status, remaining);

insert into authority.revocation_sequences (tenant_id, last_sequence)
values (pg_temp.tenant(), 1 + pg_temp.extent());

insert into authority.revocations
(tenant_id, sequence, category, target, reason, effective_at, expires_at)
select
    pg_temp.tenant() as tenant_id,
    numbers.sequence,
    'client' as category,
    'portal' as target,
    'Said by ' || current_setting('world.tenant') as reason,
    now() - interval '6 days' as effective_at,
    case when numbers.sequence = 2 then now() - interval '5 days' end as expires_at
from generate_series(1, 1 + pg_temp.extent()) as numbers (sequence);

-- In each month's partition, and in the one of all other months.
insert into authority.login_attempts (
    tenant_id,
    id,
    username,
    user_id,
    client_id,
    address,
    outcome,
    reason,
    created_at
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of('attempt in month ' || month) as id,
    'ann' as username,
    pg_temp.id_of('user') as user_id,
    'portal' as client_id,
    '192.0.2.7' as address,
    'failed' as outcome,
    'Seen at ' || current_setting('world.tenant') as reason,
    now() + month * interval '1 month' as created_at
from generate_series(-2, 3) as month;

-- The pair, the account and the network; the account has something to get back in
-- tenant 2 alone. The second pair is at its end.
insert into authority.login_throttles (
    tenant_id,
    id,
    username,
    address_prefix,
    factor,
    drains_at,
    account_cost,
    network_cost
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of('throttle ' || buckets.position) as id,
    buckets.username,
    buckets.address_prefix::cidr as address_prefix,
    buckets.factor,
    now() + buckets.remaining as drains_at,
    case
        when buckets.position = 1 and pg_temp.extent() = 2 then interval '1 second'
    end as account_cost,
    case when buckets.position = 1 then interval '1 second' end as network_cost
from (
    values
    (1, 'ann', '192.0.2.0/24', 'password', pg_temp.extent() * interval '3 minutes'),
    (2, 'ann', null, 'password', interval '5 minutes'),
    (3, null, '192.0.2.0/24', 'password', interval '5 minutes'),
    (4, 'ann', '192.0.2.0/24', 'totp', interval '-7 hours')
) as buckets (position, username, address_prefix, factor, remaining)
order by buckets.position;

-- One network more than may trust the account when its owner comes in from another one.
insert into authority.login_throttles (
    tenant_id,
    id,
    username,
    address_prefix,
    factor,
    drains_at,
    trusted_until
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of('trusting network ' || networks.number) as id,
    'ann' as username,
    cidr('198.18.' || networks.number || '.0/24') as address_prefix,
    'password' as factor,
    now() - interval '1 day' as drains_at,
    now() + networks.number * interval '1 day' as trusted_until
from generate_series(1, 10) as networks (number);

insert into authority.pushed_requests (
    tenant_id,
    id,
    request_uri_hash,
    client_uuid,
    parameters,
    expires_at,
    created_at
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of(pushed.kind) as id,
    sha256(pushed.kind::bytea) as request_uri_hash,
    pg_temp.id_of('client') as client_uuid,
    '{"response_type": "code"}' as parameters,
    now() + pushed.remaining as expires_at,
    now() + pushed.remaining - interval '9 minutes' as created_at
from (
    values
    ('pushed request', interval '8 minutes'),
    ('expired request', interval '-1 hour')
) as pushed (kind, remaining);

insert into authority.used_jtis
(tenant_id, kind, issuer, jti_hash, expires_at, created_at)
select
    pg_temp.tenant() as tenant_id,
    'client_assertion' as kind,
    'portal' as issuer,
    sha256(used.jti::bytea) as jti_hash,
    now() + used.remaining as expires_at,
    now() + used.remaining - interval '2 hours' as created_at
from (
    values ('jti', interval '1 hour'), ('old jti', interval '-1 hour')
) as used (jti, remaining);

insert into authority.one_time_tokens (
    tenant_id, id, purpose, user_id, email, token_hash, code_hash, expires_at
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of(sent.purpose) as id,
    sent.purpose,
    case when sent.purpose <> 'invitation' then pg_temp.id_of('user') end as user_id,
    'ann@example.com' as email,
    sha256(sent.purpose::bytea) as token_hash,
    sha256('code'::bytea) as code_hash,
    now() + interval '10 minutes' as expires_at
from (values ('password_reset'), ('invitation')) as sent (purpose);

insert into authority.one_time_tokens (
    tenant_id, id, purpose, email, token_hash, expires_at, created_at
)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('old sign_in'),
    'sign_in',
    'old@example.com',
    sha256('old sign_in'),
    now() - interval '2 days',
    now() - interval '2 days 1 minute'
);

-- Keys that sign, come next, and left the key set. The next one is due in tenant 1.
-- A key of another algorithm signs in tenant 2 alone.
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
    published_until
)
select
    pg_temp.tenant() as tenant_id,
    keys.kid,
    keys.alg,
    jsonb_build_object('kty', 'EC', 'kid', keys.kid, 'alg', keys.alg, 'use', 'sig')
        as public_jwk,
    case when keys.retired_at is null then '\x01'::bytea || sha256(keys.kid::bytea) end
        as private_key,
    case when keys.retired_at is null then 'key' end as encryption_key_id,
    keys.signs_from,
    keys.activated_at,
    keys.retired_at,
    keys.retired_at as published_until
from (
    values
    ('signing', 'ES256', now() - interval '2 days', now() - interval '2 days', null),
    (
        'next',
        'ES256',
        now() + (pg_temp.extent() * 2 - 3) * interval '1 day',
        null,
        null
    ),
    ('other', 'ES384', now() - interval '2 days', now() - interval '2 days', null),
    (
        'expired',
        'ES256',
        now() - interval '9 days',
        now() - interval '9 days',
        now() - interval '2 days'
    )
) as keys (kid, alg, signs_from, activated_at, retired_at)
where keys.alg = 'ES256' or pg_temp.extent() = 2;

-- The second one is at its end in tenant 1, and not in tenant 2.
insert into authority.licenses
(tenant_id, id, key_hash, plan, seats, limits, valid_from, valid_until)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('license'),
    sha256('license'::bytea),
    'team',
    3,
    '{"requests": 100}',
    now() - interval '100 days',
    now() + interval '200 days'
),
(
    pg_temp.tenant(),
    pg_temp.id_of('second license'),
    sha256('second license'::bytea),
    'team',
    3,
    '{"requests": 100}',
    now() - interval '100 days',
    now() + (pg_temp.extent() - 2) * interval '1 day' + interval '1 hour'
);

insert into authority.license_seats
(tenant_id, license_id, seat_number, holder, leased_until)
select
    licenses.tenant_id,
    licenses.id as license_id,
    seats.seat_number,
    seats.holder,
    now() + seats.lease as leased_until
from authority.licenses
cross join (
    values
    (1, 'laptop', interval '8 hours'),
    (2, null, null),
    (3, 'phone', interval '-8 hours')
) as seats (seat_number, holder, lease)
where licenses.tenant_id = pg_temp.tenant();

insert into authority.license_usage
(tenant_id, license_id, metric, idempotency_key, period_start, period_end, quantity)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('license'),
    'requests',
    'first',
    date_trunc('month', now() at time zone 'UTC'),
    date_trunc('month', now() at time zone 'UTC') + interval '1 month',
    pg_temp.extent()
),
(
    pg_temp.tenant(),
    pg_temp.id_of('license'),
    'requests',
    'long ago',
    date_trunc('month', now() at time zone 'UTC') - interval '1 month',
    date_trunc('month', now() at time zone 'UTC'),
    pg_temp.extent()
);

insert into authority.license_usage (
    tenant_id,
    license_id,
    metric,
    idempotency_key,
    period_start,
    period_end,
    quantity,
    corrects
)
select
    mistaken.tenant_id,
    mistaken.license_id,
    mistaken.metric,
    'taken back' as idempotency_key,
    mistaken.period_start,
    mistaken.period_end,
    -mistaken.quantity as quantity,
    mistaken.idempotency_key as corrects
from authority.license_usage as mistaken
where
    mistaken.tenant_id = pg_temp.tenant()
    and mistaken.idempotency_key = 'long ago';

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
values
(
    pg_temp.tenant(),
    pg_temp.id_of('license'),
    'requests',
    date_trunc('month', now() at time zone 'UTC'),
    date_trunc('month', now() at time zone 'UTC') + interval '1 month',
    pg_temp.extent(),
    100,
    'refuse'
);

-- The events of the rows above have random ids. These are in each month's partition,
-- and in the one of all other months; the future ones are not sealed yet.
delete from authority.audit_events where audit_events.tenant_id = pg_temp.tenant();

insert into authority.audit_events (
    tenant_id, id, action, is_change, target_kind, target_id, user_id, changes,
    actor_kind, actor_id, client_id, address, login, target_salt, actor_salt,
    number, seal, created_at
)
select
    pg_temp.tenant() as tenant_id,
    pg_temp.id_of('event in month ' || month) as id,
    'users.update' as action,
    true as is_change,
    'users' as target_kind,
    pg_temp.id_of('user')::text as target_id,
    pg_temp.id_of('user') as user_id,
    jsonb_build_object(
        'display_name', jsonb_build_object('new', current_setting('world.tenant'))
    ) as changes,
    'user' as actor_kind,
    pg_temp.id_of('user')::text as actor_id,
    'portal' as client_id,
    '192.0.2.7' as address,
    'service' as login,
    pg_temp.id_of('target salt in month ' || month) as target_salt,
    pg_temp.id_of('actor salt in month ' || month) as actor_salt,
    case when month <= 0 then 1 end as number,
    case
        when month <= 0
            then sha256(convert_to(current_setting('world.tenant'), 'UTF8'))
    end as seal,
    now() + month * interval '1 month' as created_at
from generate_series(-2, 3) as month;

insert into authority.audit_chains (tenant_id, month, last_number, last_seal)
values (
    pg_temp.tenant(),
    date_trunc('month', now() at time zone 'UTC'),
    1,
    sha256(convert_to(current_setting('world.tenant'), 'UTF8'))
);
