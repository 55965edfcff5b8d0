-- Creates the view of live tokens for resource servers.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0023_verify_tokens');

create or replace function authority.find_sid(tenant_id uuid, session_id uuid)
returns uuid
language plpgsql
stable strict parallel safe
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    return (
        select sessions.sid
        from authority.sessions
        where
            sessions.tenant_id = find_sid.tenant_id
            and sessions.id = find_sid.session_id
    );
end
$$;

comment on function authority.find_sid(uuid, uuid) is
'Returns the sid of this session. authority.verified_tokens calls it only for tokens
that end with their session, so that other tokens cost no more.';

create or replace function authority.find_dependencies(
    tenant_id uuid, token_ids uuid[]
)
returns text[]
language plpgsql
stable strict parallel safe
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    return (
        select array_agg(distinct named.name)
        from authority.token_states
        cross join lateral unnest(
            array[
                'token:' || token_states.id,
                'authorization:' || token_states.authorization_id,
                'authorization:' || token_states.subject_authorization_id,
                'client:' || token_states.client_id,
                'subject:' || token_states.subject_id,
                'subject:' || token_states.account_id,
                'session:'
                || authority.find_sid(token_states.tenant_id, token_states.session_id),
                case
                    when token_states.is_foreign
                        then 'foreign_tokens:' || token_states.tenant_id
                end
            ]
        ) as named (name)
        where
            token_states.tenant_id = find_dependencies.tenant_id
            and token_states.id = any(find_dependencies.token_ids)
            and named.name is not null
    );
end
$$;

comment on function authority.find_dependencies(uuid, uuid[]) is
'Returns what ends these tokens, as category:target of authority.revocations.';

revoke execute on function
authority.find_sid(uuid, uuid), authority.find_dependencies(uuid, uuid[])
from public;
grant execute on function
authority.find_sid(uuid, uuid), authority.find_dependencies(uuid, uuid[])
to authority_app;

create or replace view authority.verified_tokens
with (security_invoker = true) as
select
    live_tokens.tenant_id,
    live_tokens.id,
    live_tokens.type,
    live_tokens.token_hash,
    live_tokens.is_foreign,
    live_tokens.client_id,
    live_tokens.authorization_id,
    live_tokens.user_id,
    live_tokens.subject_id,
    live_tokens.username,
    live_tokens.service_account_id,
    live_tokens.account_id,
    live_tokens.actor,
    live_tokens.scopes,
    live_tokens.resources,
    live_tokens.authorization_details,
    live_tokens.cnf_jkt,
    live_tokens.cnf_x5t_s256,
    live_tokens.payload,
    live_tokens.properties,
    live_tokens.authenticated_at,
    live_tokens.acr,
    live_tokens.amr,
    live_tokens.created_at,
    live_tokens.expires_at,
    authority.find_sid(live_tokens.tenant_id, live_tokens.session_id) as sid,
    authority.find_dependencies(live_tokens.tenant_id, live_tokens.exchanged_from)
        as depends_on
from authority.live_tokens;

comment on view authority.verified_tokens is
'The columns of live tokens that a resource server may read.';

comment on column authority.verified_tokens.sid is
'The sid of the session that it ends with. Null: none.';
comment on column authority.verified_tokens.depends_on is
'What ends an exchanged token together with those that it was exchanged for, as
category:target of authority.revocations. Null: not exchanged.';

grant select on authority.verified_tokens to authority_app;
