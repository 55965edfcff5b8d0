-- Creates the list of the rows that concern a user.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0055_list_rows_of_users');

create or replace function authority.rows_of_users()
returns table (
    number bigint, name text, is_exported boolean, clears text, condition text
)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
select listed.*
from (
    values
    -- The entry that erase_user publishes stays until its end.
    (
        1, 'revocations', true, null,
        'held.category = ''subject''
        and held.target = any((select authority.subs_of_user($1, $2, $3))::text[])
        and not (
            held.reason = ''user_erased''
            and held.expires_at is not null
            and held.expires_at > authority.clock()
        )'
    ),
    (
        2, 'revocations', true, null,
        'held.category = ''token'' and held.target in (
            select tokens.id::text from authority.tokens
            where tokens.tenant_id = $1 and tokens.user_id = $2
        )'
    ),
    (
        3, 'revocations', true, null,
        'held.category = ''authorization'' and held.target in (
            select authorizations.id::text from authority.authorizations
            where authorizations.tenant_id = $1 and authorizations.user_id = $2
        )'
    ),
    -- The tokens of others that the user acts with (RFC 8693) are dead already.
    (
        4, 'tokens', false, null,
        'held.actor is not null and jsonb_path_exists(
            held.actor,
            ''strict $.** ? (@.type() == "string" && @ == $names[*])'',
            jsonb_build_object(
                ''names'', to_jsonb((select authority.subs_of_user($1, $2, $3)))
            )
        )'
    ),
    (5, 'tokens', true, null, 'held.user_id = $2'),
    (
        6, 'tokens', false, null,
        'held.authorization_id in (
            select authorizations.id from authority.authorizations
            where authorizations.tenant_id = $1 and authorizations.user_id = $2
        )'
    ),
    (7, 'authorizations', true, null, 'held.user_id = $2'),
    (8, 'consents', true, null, 'held.user_id = $2'),
    (9, 'device_authorizations', true, null, 'held.user_id = $2'),
    (
        10, 'pushed_requests', false, null,
        'held.parameters ->> ''login_hint'' = any($3)'
    ),
    (11, 'user_roles', true, null, 'held.user_id = $2'),
    (
        12, 'user_roles', false, 'granted_by = null',
        'held.granted_by = any((select authority.subs_of_user($1, $2, $3))::text[])'
    ),
    (
        13, 'license_seats', true,
        'holder = null, leased_until = null, updated_at = authority.clock()',
        'held.holder = any((select authority.subs_of_user($1, $2, $3))::text[])'
    ),
    -- INVALID stands for all names that no user can have.
    (
        14, 'login_throttles', true, null,
        'held.username = any(array_remove($3, ''INVALID''))'
    ),
    (
        15, 'login_attempts', true, null,
        'held.user_id is null
        and held.username = any(array_remove($3, ''INVALID''))'
    ),
    (16, 'login_attempts', true, null, 'held.user_id = $2'),
    (
        100, 'logout_notices', true, null,
        'held.session_id in (
            select sessions.id from authority.sessions
            where sessions.tenant_id = $1 and sessions.user_id = $2
        )'
    ),
    (
        101, 'session_clients', true, null,
        'held.session_id in (
            select sessions.id from authority.sessions
            where sessions.tenant_id = $1 and sessions.user_id = $2
        )'
    ),
    (102, 'sessions', true, null, 'held.user_id = $2'),
    (200, 'one_time_tokens', true, null, 'held.user_id = $2'),
    (
        201, 'one_time_tokens', true, null,
        'held.user_id is null and held.recipient = any($3)'
    ),
    (300, 'webauthn_credentials', true, null, 'held.user_id = $2'),
    (301, 'totp_credentials', true, null, 'held.user_id = $2'),
    (302, 'recovery_codes', true, null, 'held.user_id = $2'),
    (400, 'user_identities', true, null, 'held.user_id = $2'),
    -- An event stays, as a digest. An export has no other user's address. A short name
    -- can be any word: of an event about another row it redacts nothing.
    (
        500, 'audit_events', true,
        'target_digest = authority.digest_of_target(erased), target_salt = null,
        target_id = null, user_id = null, changes = ''{}''',
        'held.user_id = $2
        and (held.actor_kind <> ''user'' or held.actor_id = $2::text)'
    ),
    (
        501, 'audit_events', false,
        'target_digest = authority.digest_of_target(erased), target_salt = null,
        target_id = null, user_id = null, changes = ''{}''',
        'held.user_id = $2 or held.target_id = any($3)'
    ),
    (
        502, 'audit_events', true,
        'actor_digest = authority.digest_of_actor(erased), actor_salt = null,
        actor_id = null, client_id = null, address = null, user_agent = null,
        correlation_id = null',
        'held.actor_kind = ''user'' and held.actor_id = $2::text'
    ),
    (
        503, 'audit_events', false,
        'target_digest = authority.digest_of_target(erased), target_salt = null,
        target_id = null, user_id = null, changes = ''{}''',
        'exists (
            select from unnest($3) as name
            where
                (char_length(name) >= 16 or strpos(name, ''@'') > 0)
                and strpos(
                    held.changes::text,
                    substring(to_jsonb(name)::text from ''^"(.*)"$'')
                ) > 0
        )'
    ),
    -- The last one, so that a run that has ended early can be repeated.
    (9999, 'users', true, null, 'held.id = $2')
) as listed (number, name, is_exported, clears, condition)
$$;

comment on function authority.rows_of_users is
'The rows that concern one user, in the order of their erasure. Each condition is SQL
about the row held: $1 is the tenant, $2 users.id, $3 the names of the user. clears: the
row stays without these values. is_exported: the row is part of the user''s own data.';

revoke execute on function authority.rows_of_users() from public;
grant execute on function authority.rows_of_users() to authority_reader;
