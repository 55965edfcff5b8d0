-- name: start(tenant_id, cookie_hash, user_id, acr, amr, authenticated_at, idle_timeout, lifetime, address, user_agent, properties)^
-- The new session of a browser in which the user has just signed in, or no row: the
-- user is unknown or not active, the tenant is not active, or authenticated_at is not
-- after the last sign-out from everywhere. A null authenticated_at means now. The
-- statement locks the user against deletion and judges the user after the wait for that
-- lock.
-- @row Session
-- @param address nullable
with signed_in as (
    select
        users.tenant_id,
        users.id,
        users.status,
        users.tokens_valid_after
    from authority.users
    where
        users.tenant_id = :tenant_id
        and users.id = :user_id
    for key share
)

insert into authority.sessions (
    tenant_id,
    cookie_hash,
    user_id,
    acr,
    amr,
    authenticated_at,
    idle_timeout,
    expires_at,
    address,
    user_agent,
    properties
)
select
    signed_in.tenant_id,
    :cookie_hash,
    signed_in.id,
    :acr,
    :amr,
    authority.sign_in_time(:authenticated_at) as authenticated_at,
    :idle_timeout,
    authority.clock() + :lifetime as expires_at,
    authority.canonical_address(:address) as address,
    :user_agent,
    :properties
from signed_in
inner join authority.active_tenants on signed_in.tenant_id = active_tenants.id
where
    signed_in.status = 'active'
    and (
        authority.sign_in_time(:authenticated_at)
        <= greatest(active_tenants.tokens_valid_after, signed_in.tokens_valid_after)
    ) is not true
returning
    sessions.tenant_id,
    sessions.id,
    sessions.sid,
    sessions.user_id,
    sessions.acr,
    sessions.amr,
    sessions.authenticated_at,
    sessions.idle_timeout,
    sessions.last_used_at,
    sessions.expires_at,
    sessions.address,
    sessions.user_agent,
    sessions.properties,
    sessions.revoked_at,
    sessions.revocation_reason,
    sessions.created_at;

-- name: verify(tenant_id, cookie_hash)^
-- The live session with this cookie, and its user, or no row. Callers cannot tell why a
-- cookie was rejected. Notes that the session was used, at most once a minute and not
-- on a standby. One trip, also for a transaction that works for no tenant yet. Waits
-- for no lock.
-- @as list_live_by_ids -- The function reads the same view.
-- @param tenant_id notnull
-- @param cookie_hash notnull
select
    live_sessions.tenant_id,
    live_sessions.id,
    live_sessions.sid,
    live_sessions.user_id,
    live_sessions.subject_id,
    live_sessions.username,
    live_sessions.acr,
    live_sessions.amr,
    live_sessions.authenticated_at,
    live_sessions.idle_timeout,
    live_sessions.last_used_at,
    live_sessions.expires_at,
    live_sessions.address,
    live_sessions.user_agent,
    live_sessions.properties,
    live_sessions.created_at
from authority.find_live_session(:tenant_id, :cookie_hash) as live_sessions;

-- name: step_up(tenant_id, cookie_hash, new_cookie_hash, acr, amr, authenticated_at)^
-- The session after another sign-in of its user in the same browser, or no row when the
-- cookie is not that of a live session. The session has a new cookie, and the old one
-- is worthless, so that whoever knew it gains nothing. A null authenticated_at means
-- now; an earlier time than before changes nothing. Of several concurrent calls with
-- one cookie one gets the row, because PostgreSQL evaluates the conditions on sessions
-- again after a wait.
-- @row Session
update authority.sessions
set
    cookie_hash = :new_cookie_hash,
    acr = :acr,
    amr = :amr,
    authenticated_at = greatest(
        sessions.authenticated_at, authority.sign_in_time(:authenticated_at)
    ),
    last_used_at = authority.clock()
from authority.users
inner join authority.active_tenants on users.tenant_id = active_tenants.id
where
    sessions.tenant_id = :tenant_id
    and sessions.cookie_hash = :cookie_hash
    and sessions.revoked_at is null
    and sessions.expires_at > authority.clock()
    and sessions.last_used_at + sessions.idle_timeout > authority.clock()
    and users.tenant_id = sessions.tenant_id
    and users.id = sessions.user_id
    and users.status = 'active'
    and (
        sessions.authenticated_at
        <= greatest(active_tenants.tokens_valid_after, users.tokens_valid_after)
    ) is not true
returning
    sessions.tenant_id, sessions.id, sessions.sid, sessions.user_id, sessions.acr,
    sessions.amr, sessions.authenticated_at, sessions.idle_timeout,
    sessions.last_used_at, sessions.expires_at, sessions.address, sessions.user_agent,
    sessions.properties, sessions.revoked_at, sessions.revocation_reason,
    sessions.created_at;

-- name: get_by_id(tenant_id, session_id)^
-- The session with this id, over or not, or no row.
-- @row Session
select
    sessions.tenant_id, sessions.id, sessions.sid, sessions.user_id, sessions.acr,
    sessions.amr, sessions.authenticated_at, sessions.idle_timeout,
    sessions.last_used_at, sessions.expires_at, sessions.address, sessions.user_agent,
    sessions.properties, sessions.revoked_at, sessions.revocation_reason,
    sessions.created_at
from authority.sessions
where
    sessions.tenant_id = :tenant_id
    and sessions.id = :session_id;

-- name: get_by_sid(tenant_id, sid)^
-- The session with this sid claim, over or not, or no row. For a sign-out that a client
-- requests with an ID token (OpenID Connect RP-Initiated Logout section 2).
-- @row Session
select
    sessions.tenant_id, sessions.id, sessions.sid, sessions.user_id, sessions.acr,
    sessions.amr, sessions.authenticated_at, sessions.idle_timeout,
    sessions.last_used_at, sessions.expires_at, sessions.address, sessions.user_agent,
    sessions.properties, sessions.revoked_at, sessions.revocation_reason,
    sessions.created_at
from authority.sessions
where
    sessions.tenant_id = :tenant_id
    and sessions.sid = :sid;

-- name: find_by_user(tenant_id, user_id, after, most, page_size)^
-- The ids of the user's live sessions, in order of id, starting after the given id: at
-- most page_size, among the first `most` sessions of the user, live or not. If
-- page_size was not reached, examined_to is the id of the last of these, and null when
-- all were examined.
-- @row FoundIds
with examined as materialized (
    select sessions.id
    from authority.sessions
    where
        sessions.tenant_id = :tenant_id
        and sessions.user_id = :user_id
        and sessions.id > :after
    order by sessions.id
    limit :most
),

found as materialized (
    select
        array(
            select examined.id
            from examined
            -- Its limit makes PostgreSQL look up one session after another.
            cross join
                lateral (
                    select live_sessions.id
                    from authority.live_sessions
                    where
                        live_sessions.tenant_id = :tenant_id
                        and live_sessions.id = examined.id
                    order by live_sessions.id
                    limit 1
                ) as live
            -- In the order of examined: a sort would look up all of its rows.
            limit :page_size -- noqa: AM09
        ) as ids
)

select
    found.ids,
    case
        when
            cardinality(found.ids) < :page_size
            and (select count(*) from examined) = :most
            then (
                select examined.id from examined
                order by examined.id desc limit 1
            )
    end as examined_to
from found;

-- name: list_live_by_ids(tenant_id, ids)
-- One of these sessions that is live, in order of id.
-- @row LiveSession
with wanted as (
    select ids.id
    from unnest(:ids::uuid[]) as ids (id)
)

select
    live.tenant_id, live.id, live.sid, live.user_id, live.subject_id, live.username,
    live.acr, live.amr, live.authenticated_at, live.idle_timeout, live.last_used_at,
    live.expires_at, live.address, live.user_agent, live.properties, live.created_at
from wanted
-- Its limit makes PostgreSQL look up one session after another. Without statistics it
-- would begin with the users, of whom it expects few to be active.
cross join
    lateral (
        select
            live_sessions.tenant_id, live_sessions.id, live_sessions.sid,
            live_sessions.user_id, live_sessions.subject_id, live_sessions.username,
            live_sessions.acr, live_sessions.amr, live_sessions.authenticated_at,
            live_sessions.idle_timeout, live_sessions.last_used_at,
            live_sessions.expires_at, live_sessions.address, live_sessions.user_agent,
            live_sessions.properties, live_sessions.created_at
        from authority.live_sessions
        where
            live_sessions.tenant_id = :tenant_id
            and live_sessions.id = wanted.id
        order by live_sessions.id
        limit 1
    ) as live
order by live.id;

-- name: list_clients(tenant_id, session_id, after, page_size)
-- One client that received a code in the session, over or not, in order of
-- client_uuid, starting after the given one.
-- The page of a sign-out loads each frontchannel_logout_uri (OpenID Connect
-- Front-Channel Logout section 2).
-- @row SessionClient
select
    listed.tenant_id,
    listed.session_id,
    listed.client_uuid,
    clients.client_id,
    clients.display_name,
    clients.display_names,
    clients.frontchannel_logout_uri,
    clients.frontchannel_logout_session_required,
    listed.created_at
from (
    select
        session_clients.tenant_id,
        session_clients.session_id,
        session_clients.client_uuid,
        session_clients.created_at
    from authority.session_clients
    where
        session_clients.tenant_id = :tenant_id
        and session_clients.session_id = :session_id
        and session_clients.client_uuid > :after
    order by session_clients.client_uuid
    limit :page_size
) as listed
-- Its limit makes PostgreSQL look up one client after another.
cross join
    lateral (
        select
            clients.client_id,
            clients.display_name,
            clients.display_names,
            clients.frontchannel_logout_uri,
            clients.frontchannel_logout_session_required
        from authority.clients
        where
            clients.tenant_id = :tenant_id
            and clients.id = listed.client_uuid
        order by clients.client_id
        limit 1
    ) as clients
order by listed.client_uuid;

-- name: end(tenant_id, session_id, reason)^
-- The session that this call has ended, or no row when it was ended before or is
-- unknown. Its cookie and the families that end with it are dead at the commit. The
-- statement queues a logout notice for each client of the session that has a
-- backchannel_logout_uri, also when the session was idle for too long. It waits for
-- codes that are being issued in the session, and notifies their clients too.
-- @row EndedSession
-- @param tenant_id notnull
-- @param reason notnull
-- @notnull id -- The function returns rows of sessions.
-- @notnull sid -- as above
-- @notnull user_id -- as above
-- @notnull notices -- The function returns a count.
select
    ended.id,
    ended.sid,
    ended.user_id,
    ended.notices
from
    authority.end_sessions(:tenant_id, array[:session_id::uuid], :reason)
        as ended;

-- name: end_all(tenant_id, user_id, kept_session_id, reason)
-- One session of the user that this call has ended, as by end. With a kept_session_id
-- that session stays: the one in which the user, for example, changed the password.
-- @row EndedSession
-- @param tenant_id notnull
-- @param reason notnull
-- @notnull id -- The function returns rows of sessions.
-- @notnull sid -- as above
-- @notnull user_id -- as above
-- @notnull notices -- The function returns a count.
select
    ended.id, ended.sid, ended.user_id, ended.notices
from
    authority.end_sessions(
        :tenant_id,
        array(
            select sessions.id
            from authority.sessions
            where
                sessions.tenant_id = :tenant_id
                and sessions.user_id = :user_id
                and sessions.id is distinct from :kept_session_id
                and sessions.revoked_at is null
        ),
        :reason
    ) as ended;

-- name: prune_expired(older_than, batch_size)!
-- Deletes sessions of all tenants whose end, expires_at, was longer ago than
-- older_than, with the list of their clients. A session that was ended before stays
-- until then, and one with logout notices until they are pruned. A family that ends
-- with its session is dead without the row.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.sessions -- The generic plan assumes that batch_size is a
--   tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.sessions as candidates
    where
        candidates.expires_at < authority.clock() - :older_than::interval
        and not exists (
            select from authority.logout_notices
            where
                logout_notices.tenant_id = candidates.tenant_id
                and logout_notices.session_id = candidates.id
        )
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.sessions
using doomed
where
    sessions.tenant_id = doomed.tenant_id
    and sessions.id = doomed.id;
