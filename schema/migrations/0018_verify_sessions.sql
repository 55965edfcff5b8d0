-- Creates the view of live sessions, and the functions that verify a session.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0018_verify_sessions');

create or replace view authority.live_sessions
with (security_invoker = true) as
select
    sessions.tenant_id,
    sessions.id,
    sessions.sid,
    sessions.cookie_hash,
    sessions.user_id,
    users.subject_id,
    users.username,
    sessions.acr,
    sessions.amr,
    sessions.authenticated_at,
    sessions.idle_timeout,
    sessions.last_used_at,
    sessions.expires_at,
    sessions.address,
    sessions.user_agent,
    sessions.properties,
    sessions.created_at
from authority.sessions
inner join authority.active_tenants on sessions.tenant_id = active_tenants.id
inner join authority.users
    on
        sessions.tenant_id = users.tenant_id
        and sessions.user_id = users.id
where
    sessions.revoked_at is null
    and sessions.expires_at > authority.clock()
    and sessions.last_used_at + sessions.idle_timeout > authority.clock()
    and users.status = 'active'
    and (
        sessions.authenticated_at
        <= greatest(active_tenants.tokens_valid_after, users.tokens_valid_after)
    ) is not true;

comment on view authority.live_sessions is
'The sessions in which the user is signed in now, by the database''s clock: not ended,
not idle for too long, of an active user, and begun after the last sign-out from
everywhere.';
comment on column authority.live_sessions.subject_id is 'The sub claim of its user.';
comment on column authority.live_sessions.username is 'Username of its user.';

grant select on authority.live_sessions to authority_app;

create or replace function authority.is_session_in_force(
    tenant_id uuid, session_id uuid
)
returns boolean
language plpgsql
stable strict parallel safe
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    return exists (
        select from authority.sessions
        where
            sessions.tenant_id = is_session_in_force.tenant_id
            and sessions.id = is_session_in_force.session_id
            and sessions.revoked_at is null
    );
end
$$;

comment on function authority.is_session_in_force(uuid, uuid) is
'Returns whether this session was not ended. authority.token_states calls it only for
families that end with their session, so that other tokens cost no more.';

revoke execute on function authority.is_session_in_force(uuid, uuid) from public;
grant execute on function authority.is_session_in_force(uuid, uuid) to authority_app;

create or replace function authority.find_live_session(
    tenant_id uuid, cookie_hash bytea
)
returns setof authority.live_sessions
language plpgsql
rows 1
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant_now constant text
        := set_config('authority.tenant_id', tenant_id::text, true);
    tenant_after text;
begin
    if current_setting('transaction_read_only') = 'on' then -- on a standby
        return query
        select live_sessions.*
        from authority.live_sessions
        where
            live_sessions.tenant_id = find_live_session.tenant_id
            and live_sessions.cookie_hash = find_live_session.cookie_hash;
    else
        return query
        with live as (
            select live_sessions.*
            from authority.live_sessions
            where
                live_sessions.tenant_id = find_live_session.tenant_id
                and live_sessions.cookie_hash = find_live_session.cookie_hash
        ),

        -- Another request of the browser that has locked the row writes the same time.
        untouched as (
            select sessions.id
            from live
            inner join authority.sessions
                on
                    sessions.tenant_id = find_live_session.tenant_id
                    and live.id = sessions.id
            where
                sessions.last_used_at
                + least(interval '1 minute', sessions.idle_timeout / 10)
                <= authority.clock()
            for no key update of sessions skip locked
        ),

        touched as (
            update authority.sessions
            set last_used_at = authority.clock()
            from untouched
            where
                sessions.tenant_id = find_live_session.tenant_id
                and sessions.id = untouched.id
        )

        select live.* from live;
    end if;
    -- An assignment, because PERFORM would run a query.
    tenant_after := set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.find_live_session(uuid, bytea) is
'Returns the live session with this cookie, and notes that it was used, at most once a
minute and not on a standby. Sets the tenant during the call, then restores the previous
one, so that a caller that knows only a cookie needs one round trip. Waits for no
lock.';

revoke execute on function authority.find_live_session(uuid, bytea) from public;
grant execute on function authority.find_live_session(uuid, bytea) to authority_app;
