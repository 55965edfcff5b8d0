-- Creates the function that ends sessions.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0044_end_sessions');

create or replace function authority.end_sessions(
    tenant_id uuid, session_ids uuid[], reason text
)
returns table (id uuid, sid uuid, user_id uuid, notices bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
#variable_conflict use_column
declare
    locked_ids uuid[];
begin
    -- A statement of its own: the next one then sees the clients that received a code
    -- while this one waited. The order of the locks prevents deadlocks.
    select array_agg(locked.id)
    into locked_ids
    from (
        select sessions.id
        from authority.sessions
        where
            sessions.tenant_id = end_sessions.tenant_id
            and sessions.id = any(session_ids)
            and sessions.revoked_at is null
        order by sessions.id
        for no key update
    ) as locked;
    return query
    with ended as (
        update authority.sessions
        set
            revoked_at = authority.clock(),
            revocation_reason = reason
        where
            sessions.tenant_id = end_sessions.tenant_id
            and sessions.id = any(locked_ids)
        returning
            sessions.id,
            sessions.sid,
            sessions.user_id
    ),

    notified as (
        select
            session_clients.session_id,
            clients.id as client_uuid
        from authority.session_clients
        inner join authority.clients
            on
                clients.tenant_id = end_sessions.tenant_id
                and session_clients.client_uuid = clients.id
        where
            session_clients.tenant_id = end_sessions.tenant_id
            and session_clients.session_id = any(locked_ids)
            and clients.backchannel_logout_uri is not null
        order by clients.id
        for key share of clients
    ),

    queued as (
        insert into authority.logout_notices
        (tenant_id, session_id, client_uuid, expires_at)
        select
            end_sessions.tenant_id,
            notified.session_id,
            notified.client_uuid,
            authority.clock() + interval '24 hours' as expires_at
        from notified
        returning logout_notices.session_id
    )

    select
        ended.id,
        ended.sid,
        ended.user_id,
        (select count(*) from queued where queued.session_id = ended.id)
    from ended;
end
$$;

comment on function authority.end_sessions(uuid, uuid[], text) is
'Ends those of these sessions that were not ended before, and queues a notice for each
client of theirs with a backchannel_logout_uri. Returns the sessions that it ended, each
with the number of its notices. Issuing a code locks the session too, so a client is
notified or receives no code.';

revoke execute on function authority.end_sessions(uuid, uuid[], text) from public;
grant execute on function authority.end_sessions(uuid, uuid[], text) to authority_app;
