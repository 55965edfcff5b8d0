-- Creates the sessions of browsers, the clients that a session was used for, and the
-- function that limits the time of a sign-in.
--
-- Locks: share row exclusive on authority.users and clients while foreign keys to them
-- are added; access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0017_create_sessions');

create or replace function authority.sign_in_time(claimed timestamptz)
returns timestamptz
language sql
stable parallel safe
return case
    when claimed > authority.clock() + interval '1 minute' then claimed
    when claimed > authority.clock() then authority.clock() - interval '1 minute'
    else coalesce(claimed, authority.clock())
end;

comment on function authority.sign_in_time(timestamptz) is
'Returns when a sign-in happened by another machine''s clock, or now if claimed is null.
A time up to a minute in the future comes from a fast clock: the result is a minute ago,
so that the tokens do not survive a sign-out. A later time is returned as it is, and a
check refuses it.';

revoke execute on function authority.sign_in_time(timestamptz) from public;
grant execute on function authority.sign_in_time(timestamptz) to authority_app;

-- The free fifth of a page holds new times of last use, as HOT updates. No index has
-- last_used_at.
create table if not exists authority.sessions (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    sid uuid not null default gen_random_uuid(),
    cookie_hash bytea not null,
    user_id uuid not null,
    acr text,
    amr text[],
    authenticated_at timestamptz not null default authority.clock(),
    idle_timeout interval not null,
    last_used_at timestamptz not null default authority.clock(),
    expires_at timestamptz not null,
    address inet,
    user_agent text,
    properties jsonb not null default '{}',
    revoked_at timestamptz,
    revocation_reason text,
    created_at timestamptz not null default authority.clock(),
    constraint sessions_tenant_id_id_pk primary key (tenant_id, id),
    constraint sessions_tenant_id_sid_key unique (tenant_id, sid),
    constraint sessions_tenant_id_cookie_hash_key unique (tenant_id, cookie_hash),
    constraint sessions_cookie_hash_check check (octet_length(cookie_hash) = 32),
    constraint sessions_acr_check
    check (acr ~ '^[!-~]+$' and char_length(acr) <= 255),
    constraint sessions_amr_check
    check (
        array_position(amr, null) is null
        and authority.is_text_list(amr, 20, 64)
    ),
    constraint sessions_authenticated_at_check
    check (authenticated_at <= last_used_at),
    constraint sessions_idle_timeout_check check (idle_timeout > interval '0'),
    constraint sessions_expires_at_check check (expires_at > created_at),
    constraint sessions_address_check check (masklen(address) in (32, 128)),
    constraint sessions_user_agent_check check (char_length(user_agent) <= 1024),
    constraint sessions_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint sessions_revoked_at_revocation_reason_check
    check ((revoked_at is null) = (revocation_reason is null)),
    constraint sessions_revocation_reason_check
    check (char_length(revocation_reason) <= 2000),
    constraint sessions_moments_check
    check (
        least(
            authenticated_at,
            last_used_at,
            expires_at,
            revoked_at,
            created_at
        ) >= '1900-01-01Z'
        and greatest(
            authenticated_at,
            last_used_at,
            expires_at,
            revoked_at,
            created_at
        ) < '9000-01-01Z'
    ),
    constraint sessions_durations_check
    check (
        least(idle_timeout) >= interval '0'
        and greatest(idle_timeout) <= interval '876600 hours'
    )
) with (
    fillfactor = 80
);

comment on table authority.sessions is
'A browser in which a user has signed in to the provider. It is over when it was ended,
was idle for too long, or has reached its end. A row is kept until its end.';
comment on column authority.sessions.tenant_id is 'Owner of the row.';
comment on column authority.sessions.id is 'Random. Key inside the store.';
comment on column authority.sessions.sid is
'The sid claim of ID tokens and logout tokens (OpenID Connect Front-Channel Logout
section 3). Random. It stays the same when the cookie changes, and is no secret.';
comment on column authority.sessions.cookie_hash is
'SHA-256 of the cookie''s token string, 32 octets. A new sign-in in the session replaces
the cookie, so that a cookie that somebody planted or saw before is worthless.';
comment on column authority.sessions.user_id is 'The user who signed in.';
comment on column authority.sessions.acr is
'The acr claim: the class of the last sign-in (OpenID Connect Core section 2). Null:
none.';
comment on column authority.sessions.amr is
'The amr claim: the methods of the last sign-in (RFC 8176). Null: not known.';
comment on column authority.sessions.authenticated_at is
'The auth_time claim: when the user last signed in here. Compared with
tokens_valid_after.';
comment on column authority.sessions.idle_timeout is
'The session is over when it was not used for this time.';
comment on column authority.sessions.last_used_at is
'When the cookie was last verified, to the minute, or to a tenth of a shorter
idle_timeout.';
comment on column authority.sessions.expires_at is
'The session is over from this time on, however often it is used. Its families that end
with it end by this time too.';
comment on column authority.sessions.address is
'The address of the browser when the session began. Null: not recorded.';
comment on column authority.sessions.user_agent is
'The User-Agent of the browser when the session began. Null: not recorded.';
comment on column authority.sessions.properties is
'Open object of the embedding service, such as the device''s name. The store never reads
it.';
comment on column authority.sessions.revoked_at is
'The session was ended at this time, with the families that end with it. Null: not
ended.';
comment on column authority.sessions.revocation_reason is 'Why it was ended.';
comment on column authority.sessions.created_at is 'When the row was inserted.';

-- Serves sessions.find_by_user, sessions.end_all and the foreign key.
create index if not exists sessions_tenant_id_user_id_id_idx
on authority.sessions (tenant_id, user_id, id);
-- Serves sessions.prune_expired.
create index if not exists sessions_expires_at_idx
on authority.sessions (expires_at);

create table if not exists authority.session_clients (
    tenant_id uuid not null,
    session_id uuid not null,
    client_uuid uuid not null,
    created_at timestamptz not null default authority.clock(),
    constraint session_clients_tenant_id_session_id_client_uuid_pk
    primary key (tenant_id, session_id, client_uuid),
    constraint session_clients_moments_check
    check (
        least(created_at) >= '1900-01-01Z'
        and greatest(created_at) < '9000-01-01Z'
    )
);

comment on table authority.session_clients is
'A client that received a code in a session, and is notified when the session ends.';
comment on column authority.session_clients.tenant_id is 'Owner of the row.';
comment on column authority.session_clients.session_id is 'The session.';
comment on column authority.session_clients.client_uuid is 'The client''s clients.id.';
comment on column authority.session_clients.created_at is
'When the client first received a code in the session.';

-- Serves the foreign key: clients.delete.
create index if not exists session_clients_tenant_id_client_uuid_idx
on authority.session_clients (tenant_id, client_uuid);

call authority.isolate_tenants('authority.sessions');
call authority.isolate_tenants('authority.session_clients');
call authority.let_operators_prune('authority.sessions');

alter table authority.sessions
drop constraint if exists sessions_tenant_id_user_id_fk,
add constraint sessions_tenant_id_user_id_fk
foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade;
alter table authority.session_clients
drop constraint if exists session_clients_tenant_id_session_id_fk,
add constraint session_clients_tenant_id_session_id_fk
foreign key (tenant_id, session_id)
references authority.sessions (tenant_id, id) on delete cascade;
alter table authority.session_clients
drop constraint if exists session_clients_tenant_id_client_uuid_fk,
add constraint session_clients_tenant_id_client_uuid_fk
foreign key (tenant_id, client_uuid)
references authority.clients (tenant_id, id) on delete cascade;

grant select, insert on authority.sessions to authority_app;
grant update (
    cookie_hash, acr, amr, authenticated_at, last_used_at, revoked_at, revocation_reason
) on authority.sessions to authority_app;
grant select (tenant_id, id, expires_at), update (properties), delete
on authority.sessions to authority_maintenance;
grant select, insert on authority.session_clients to authority_app;
-- All columns but the hash.
grant select (
    tenant_id, id, sid, user_id, acr, amr, authenticated_at, idle_timeout,
    last_used_at, expires_at, address, user_agent, properties, revoked_at,
    revocation_reason, created_at
) on authority.sessions to authority_reader;
grant select on authority.session_clients to authority_reader;
