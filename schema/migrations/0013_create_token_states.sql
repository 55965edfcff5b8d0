-- Creates the views that judge whether a token is alive, and why not.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role authority_owner;

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
'When a sign-in happened that somebody''s clock says. Null is now. A claim up to a
minute ahead comes from a clock that is ahead: it counts as a minute ago, so that it
outruns no sign-out. A claim that is further ahead stays so, and is refused.';

revoke execute on function authority.sign_in_time(timestamptz) from public;
grant execute on function authority.sign_in_time(timestamptz) to authority_app;

create or replace function authority.are_tokens_alive(
    tenant_id uuid, token_ids uuid[]
)
returns boolean
language plpgsql
stable strict parallel safe
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    return cardinality(token_ids) = (
        select count(*)
        from authority.token_states
        where
            token_states.tenant_id = are_tokens_alive.tenant_id
            and token_states.id = any(are_tokens_alive.token_ids)
            and token_states.own_dead_because is null
    );
end
$$;

comment on function authority.are_tokens_alive(uuid, uuid[]) is
'Whether each of these tokens exists and has no reason of its own to be dead. Called
by authority.token_states, and only for exchanged tokens: the others cost no more.';

revoke execute on function authority.are_tokens_alive(uuid, uuid[]) from public;
grant execute on function authority.are_tokens_alive(uuid, uuid[]) to authority_app;

create or replace view authority.token_states
with (security_invoker = true) as
select
    tokens.tenant_id,
    tokens.id,
    tokens.type,
    tokens.token_hash,
    tokens.client_id,
    tokens.user_id,
    tokens.service_account_id,
    tokens.authorization_id,
    tokens.parent_id,
    tokens.subject_authorization_id,
    tokens.exchanged_from,
    tokens.actor,
    tokens.scopes,
    tokens.code_challenge,
    tokens.redirect_uri,
    tokens.nonce,
    tokens.cnf_jkt,
    tokens.cnf_x5t_s256,
    tokens.payload,
    tokens.properties,
    tokens.expires_at,
    tokens.redeemed_at,
    tokens.revoked_at,
    tokens.revocation_reason,
    tokens.authenticated_at,
    tokens.created_at,
    clients.client_id as client_identifier,
    clients.client_type,
    users.subject_id,
    users.username,
    service_accounts.account_id,
    judged.own_dead_because,
    coalesce(
        judged.own_dead_because,
        case
            when
                not authority.are_tokens_alive(tokens.tenant_id, tokens.exchanged_from)
                then 'exchanged_from_dead'
        end
    ) as dead_because
from authority.tokens
inner join authority.clients
    on
        tokens.tenant_id = clients.tenant_id
        and tokens.client_id = clients.id
left join authority.active_tenants on tokens.tenant_id = active_tenants.id
left join authority.authorizations
    on
        tokens.tenant_id = authorizations.tenant_id
        and case
            when tokens.authorization_id is null
                then tokens.subject_authorization_id
            else tokens.authorization_id
        end = authorizations.id
left join authority.consents
    on
        authorizations.tenant_id = consents.tenant_id
        and authorizations.consent_id = consents.id
left join authority.users
    on
        tokens.tenant_id = users.tenant_id
        and tokens.user_id = users.id
left join authority.service_accounts
    on
        tokens.tenant_id = service_accounts.tenant_id
        and tokens.service_account_id = service_accounts.id
cross join lateral (
    values (
        case
            when tokens.revoked_at is not null then 'revoked'
            when tokens.redeemed_at is not null then 'redeemed'
            when tokens.expires_at <= authority.clock() then 'expired'
            when authorizations.revoked_at is not null then 'authorization_revoked'
            when authorizations.expires_at <= authority.clock()
                then 'authorization_expired'
            when consents.revoked_at is not null then 'consent_revoked'
            when not tokens.scopes <@ consents.scopes then 'consent_narrowed'
            when active_tenants.id is null then 'tenant_inactive'
            when tokens.authenticated_at <= active_tenants.tokens_valid_after
                then 'tenant_signed_out'
            when not clients.enabled then 'client_disabled'
            when
                case
                    when tokens.authorization_id is null then tokens.created_at
                    else authorizations.created_at
                end <= clients.tokens_valid_after
                then 'client_signed_out'
            when
                tokens.user_id is not null and users.status is distinct from 'active'
                then 'user_inactive'
            when tokens.authenticated_at <= users.tokens_valid_after
                then 'user_signed_out'
            when
                tokens.service_account_id is not null
                and service_accounts.enabled is not true
                then 'service_account_disabled'
            when tokens.authenticated_at <= service_accounts.tokens_valid_after
                then 'service_account_signed_out'
        end
    )
) as judged (own_dead_because);

comment on view authority.token_states is
'Whether a token is alive and, where it is not, why, in one place: the token itself and
all that it hangs on, by the database''s clock. For operators; who presents a token is
told nothing but no (RFC 7662 section 2.2).';
comment on column authority.token_states.subject_id is
'The sub claim of its user. Null: it has none.';
comment on column authority.token_states.username is
'Username of its user. Null: it has none.';
comment on column authority.token_states.account_id is
'account_id of its service account. Null: it has none.';
comment on column authority.token_states.own_dead_because is
'The first reason that it has to be dead, from the token itself outwards: token, family,
consent, tenant, client, subject. Null: it has none of its own.';
comment on column authority.token_states.dead_because is
'As own_dead_because; where that is null, exchanged_from_dead when one of the tokens
that it was exchanged for is dead or deleted. Null: it is alive.';

create or replace view authority.live_tokens
with (security_invoker = true) as
select
    token_states.tenant_id,
    token_states.id,
    token_states.type,
    token_states.token_hash,
    token_states.client_id,
    token_states.user_id,
    token_states.service_account_id,
    token_states.authorization_id,
    token_states.parent_id,
    token_states.subject_authorization_id,
    token_states.exchanged_from,
    token_states.actor,
    token_states.scopes,
    token_states.code_challenge,
    token_states.redirect_uri,
    token_states.nonce,
    token_states.cnf_jkt,
    token_states.cnf_x5t_s256,
    token_states.payload,
    token_states.properties,
    token_states.expires_at,
    token_states.redeemed_at,
    token_states.revoked_at,
    token_states.revocation_reason,
    token_states.authenticated_at,
    token_states.created_at,
    token_states.client_identifier,
    token_states.client_type,
    token_states.subject_id,
    token_states.username,
    token_states.account_id
from authority.token_states
where token_states.dead_because is null;

comment on view authority.live_tokens is
'The tokens that are alive: what authority.token_states finds no fault with.';

grant select on authority.token_states, authority.live_tokens to authority_app;
