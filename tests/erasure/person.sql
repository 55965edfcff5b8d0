-- Gives Ann of tenant.sql what only some users have, and Bob of the same tenant rows
-- that name her, and rows that do not.
insert into authority.users
(tenant_id, id, subject_id, username, username_key, email, attributes)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('bob'),
    'sub-of-bob',
    'Bob',
    'bob',
    'bob@example.com',
    '{"city": "Rome"}'
);

insert into authority.user_roles (tenant_id, user_id, role_id, granted_by)
values (pg_temp.tenant(), pg_temp.id_of('bob'), pg_temp.id_of('role'), 'ann');

insert into authority.license_seats
(tenant_id, license_id, seat_number, holder, leased_until)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('license'),
    8,
    'sub-of-acme',
    now() + interval '1 hour'
),
(pg_temp.tenant(), pg_temp.id_of('license'), 9, 'bob', now() + interval '1 hour');

-- Bob's token, which Ann uses for him, and one of his own.
insert into authority.tokens (
    tenant_id, id, type, token_hash, client_uuid, user_id, exchanged_from, actor,
    expires_at
)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('acting'),
    'access',
    sha256('acting'),
    pg_temp.id_of('client'),
    pg_temp.id_of('bob'),
    array[pg_temp.id_of('access')],
    jsonb_build_object(
        'sub', 'somebody', 'act', jsonb_build_object('sub', 'sub-of-acme')
    ),
    now() + interval '1 hour'
),
(
    pg_temp.tenant(),
    pg_temp.id_of('access of bob'),
    'access',
    sha256('access of bob'),
    pg_temp.id_of('client'),
    pg_temp.id_of('bob'),
    null,
    null,
    now() + interval '1 hour'
);

insert into authority.revocations
(tenant_id, sequence, category, target, reason, expires_at)
select
    pg_temp.tenant() as tenant_id,
    100 + published.number as sequence,
    published.category,
    published.target,
    'left' as reason,
    now() + interval '1 hour' as expires_at
from (
    values
    (1, 'subject', 'sub-of-acme'),
    (2, 'token', pg_temp.id_of('access')::text),
    (3, 'authorization', pg_temp.id_of('family')::text),
    (4, 'subject', 'sub-of-bob')
) as published (number, category, target);

update authority.revocation_sequences
set last_sequence = 104
where revocation_sequences.tenant_id = pg_temp.tenant();

-- Ann typed her address as a name, and Bob's.
insert into authority.login_attempts
(tenant_id, username, user_id, address, outcome, correlation_id)
values
(pg_temp.tenant(), 'ann', null, '192.0.2.8', 'throttled', 'request of ann 1'),
(
    pg_temp.tenant(), 'ann@example.com', null, '192.0.2.9', 'failed',
    'request of ann 2'
),
(pg_temp.tenant(), 'bob', pg_temp.id_of('bob'), '192.0.2.10', 'succeeded', 'bob 1'),
(pg_temp.tenant(), 'INVALID', null, '192.0.2.11', 'failed', 'nobody 1');

insert into authority.login_throttles
(tenant_id, username, address_prefix, factor, drains_at)
values (pg_temp.tenant(), 'bob', null, 'password', now());

insert into authority.pushed_requests
(tenant_id, request_uri_hash, client_uuid, parameters, expires_at)
values
(
    pg_temp.tenant(),
    sha256('request of ann'),
    pg_temp.id_of('client'),
    '{"login_hint": "ann@example.com"}',
    now() + interval '5 minutes'
);

-- An invitation from before she was a user, and a link for Bob.
insert into authority.one_time_tokens (
    tenant_id, id, purpose, user_id, email, token_hash, expires_at
)
values
(
    pg_temp.tenant(),
    pg_temp.id_of('email_verification of ann'),
    'email_verification',
    null,
    'Ann@Example.com',
    sha256('email_verification of ann'),
    now() + interval '1 hour'
),
(
    pg_temp.tenant(),
    pg_temp.id_of('reset of bob'),
    'password_reset',
    pg_temp.id_of('bob'),
    'bob@example.com',
    sha256('reset of bob'),
    now() + interval '1 hour'
);
