-- Creates the views that judge whether a token is alive, and what finds a live one.
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
    states.tenant_id,
    states.id,
    states.type,
    states.token_hash,
    states.client_id,
    states.user_id,
    states.service_account_id,
    states.authorization_id,
    states.parent_id,
    states.subject_authorization_id,
    states.exchanged_from,
    states.actor,
    states.scopes,
    states.code_challenge,
    states.redirect_uri,
    states.nonce,
    states.cnf_jkt,
    states.cnf_x5t_s256,
    states.payload,
    states.properties,
    states.expires_at,
    states.redeemed_at,
    states.revoked_at,
    states.revocation_reason,
    states.authenticated_at,
    states.created_at,
    states.client_identifier,
    states.client_type,
    states.subject_id,
    states.username,
    states.account_id,
    states.own_dead_because,
    coalesce(
        states.own_dead_because,
        case
            when
                not authority.are_tokens_alive(states.tenant_id, states.exchanged_from)
                then 'exchanged_from_dead'
        end
    ) as dead_because
from (
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
        case
            when tokens.revoked_at is not null then 'revoked'
            when tokens.redeemed_at is not null then 'redeemed'
            when tokens.expires_at <= authority.clock() then 'expired'
            when authorizations.revoked_at is not null then 'authorization_revoked'
            when authorizations.expires_at <= authority.clock()
                then 'authorization_expired'
            when consents.revoked_at is not null then 'consent_revoked'
            when not tokens.scopes <@ consents.scopes then 'consent_narrowed'
            when tenants.status not in ('active', 'trial') then 'tenant_inactive'
            when tokens.authenticated_at <= tenants.tokens_valid_after
                then 'tenant_signed_out'
            when not clients.enabled then 'client_disabled'
            when
                case
                    when tokens.authorization_id is null then tokens.created_at
                    else authorizations.created_at
                end <= clients.tokens_valid_after
                then 'client_signed_out'
            when tokens.user_id is not null and coalesce(users.status <> 'active', true)
                then 'user_inactive'
            when tokens.authenticated_at <= users.tokens_valid_after
                then 'user_signed_out'
            when
                tokens.service_account_id is not null
                and service_accounts.enabled is not true
                then 'service_account_disabled'
            when tokens.authenticated_at <= service_accounts.tokens_valid_after
                then 'service_account_signed_out'
        end as own_dead_because
    from authority.tokens
    inner join authority.tenants on tokens.tenant_id = tenants.id
    inner join authority.clients
        on
            tokens.tenant_id = clients.tenant_id
            and tokens.client_id = clients.id
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
) as states;

comment on view authority.token_states is
'Whether a token is alive and, where it is not, why, in one place: the token itself and
all that it hangs on, by the database''s clock. For operators; who presents a token is
told nothing but no (RFC 7662 section 2.2).';
comment on column authority.token_states.tenant_id is
'As authority.tokens.tenant_id.';
comment on column authority.token_states.id is
'As authority.tokens.id.';
comment on column authority.token_states.type is
'As authority.tokens.type.';
comment on column authority.token_states.token_hash is
'As authority.tokens.token_hash.';
comment on column authority.token_states.client_id is
'As authority.tokens.client_id.';
comment on column authority.token_states.user_id is
'As authority.tokens.user_id.';
comment on column authority.token_states.service_account_id is
'As authority.tokens.service_account_id.';
comment on column authority.token_states.authorization_id is
'As authority.tokens.authorization_id.';
comment on column authority.token_states.parent_id is
'As authority.tokens.parent_id.';
comment on column authority.token_states.subject_authorization_id is
'As authority.tokens.subject_authorization_id.';
comment on column authority.token_states.exchanged_from is
'As authority.tokens.exchanged_from.';
comment on column authority.token_states.actor is
'As authority.tokens.actor.';
comment on column authority.token_states.scopes is
'As authority.tokens.scopes.';
comment on column authority.token_states.code_challenge is
'As authority.tokens.code_challenge.';
comment on column authority.token_states.redirect_uri is
'As authority.tokens.redirect_uri.';
comment on column authority.token_states.nonce is
'As authority.tokens.nonce.';
comment on column authority.token_states.cnf_jkt is
'As authority.tokens.cnf_jkt.';
comment on column authority.token_states.cnf_x5t_s256 is
'As authority.tokens.cnf_x5t_s256.';
comment on column authority.token_states.payload is
'As authority.tokens.payload.';
comment on column authority.token_states.properties is
'As authority.tokens.properties.';
comment on column authority.token_states.expires_at is
'As authority.tokens.expires_at.';
comment on column authority.token_states.redeemed_at is
'As authority.tokens.redeemed_at.';
comment on column authority.token_states.revoked_at is
'As authority.tokens.revoked_at.';
comment on column authority.token_states.revocation_reason is
'As authority.tokens.revocation_reason.';
comment on column authority.token_states.authenticated_at is
'As authority.tokens.authenticated_at.';
comment on column authority.token_states.created_at is
'As authority.tokens.created_at.';
comment on column authority.token_states.client_identifier is
'The client_id of the protocol: clients.client_id.';
comment on column authority.token_states.client_type is
'As authority.clients.client_type.';
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
comment on column authority.live_tokens.tenant_id is
'As authority.tokens.tenant_id.';
comment on column authority.live_tokens.id is
'As authority.tokens.id.';
comment on column authority.live_tokens.type is
'As authority.tokens.type.';
comment on column authority.live_tokens.token_hash is
'As authority.tokens.token_hash.';
comment on column authority.live_tokens.client_id is
'As authority.tokens.client_id.';
comment on column authority.live_tokens.user_id is
'As authority.tokens.user_id.';
comment on column authority.live_tokens.service_account_id is
'As authority.tokens.service_account_id.';
comment on column authority.live_tokens.authorization_id is
'As authority.tokens.authorization_id.';
comment on column authority.live_tokens.parent_id is
'As authority.tokens.parent_id.';
comment on column authority.live_tokens.subject_authorization_id is
'As authority.tokens.subject_authorization_id.';
comment on column authority.live_tokens.exchanged_from is
'As authority.tokens.exchanged_from.';
comment on column authority.live_tokens.actor is
'As authority.tokens.actor.';
comment on column authority.live_tokens.scopes is
'As authority.tokens.scopes.';
comment on column authority.live_tokens.code_challenge is
'As authority.tokens.code_challenge.';
comment on column authority.live_tokens.redirect_uri is
'As authority.tokens.redirect_uri.';
comment on column authority.live_tokens.nonce is
'As authority.tokens.nonce.';
comment on column authority.live_tokens.cnf_jkt is
'As authority.tokens.cnf_jkt.';
comment on column authority.live_tokens.cnf_x5t_s256 is
'As authority.tokens.cnf_x5t_s256.';
comment on column authority.live_tokens.payload is
'As authority.tokens.payload.';
comment on column authority.live_tokens.properties is
'As authority.tokens.properties.';
comment on column authority.live_tokens.expires_at is
'As authority.tokens.expires_at.';
comment on column authority.live_tokens.redeemed_at is
'As authority.tokens.redeemed_at.';
comment on column authority.live_tokens.revoked_at is
'As authority.tokens.revoked_at.';
comment on column authority.live_tokens.revocation_reason is
'As authority.tokens.revocation_reason.';
comment on column authority.live_tokens.authenticated_at is
'As authority.tokens.authenticated_at.';
comment on column authority.live_tokens.created_at is
'As authority.tokens.created_at.';
comment on column authority.live_tokens.client_identifier is
'The client_id of the protocol: clients.client_id.';
comment on column authority.live_tokens.client_type is
'As authority.clients.client_type.';
comment on column authority.live_tokens.subject_id is
'The sub claim of its user. Null: it has none.';
comment on column authority.live_tokens.username is
'Username of its user. Null: it has none.';
comment on column authority.live_tokens.account_id is
'account_id of its service account. Null: it has none.';

create or replace view authority.verified_tokens
with (security_invoker = true) as
select
    live_tokens.tenant_id,
    live_tokens.id,
    live_tokens.type,
    live_tokens.token_hash,
    live_tokens.client_identifier as client_id,
    live_tokens.authorization_id,
    live_tokens.user_id,
    live_tokens.subject_id,
    live_tokens.username,
    live_tokens.service_account_id,
    live_tokens.account_id,
    live_tokens.actor,
    live_tokens.scopes,
    live_tokens.cnf_jkt,
    live_tokens.cnf_x5t_s256,
    live_tokens.payload,
    live_tokens.properties,
    live_tokens.authenticated_at,
    live_tokens.created_at,
    live_tokens.expires_at
from authority.live_tokens;

comment on view authority.verified_tokens is
'What a resource server is told of the tokens that are alive, and no more.';
comment on column authority.verified_tokens.tenant_id is
'As authority.live_tokens.tenant_id.';
comment on column authority.verified_tokens.id is
'As authority.live_tokens.id.';
comment on column authority.verified_tokens.type is
'As authority.live_tokens.type.';
comment on column authority.verified_tokens.token_hash is
'As authority.live_tokens.token_hash.';
comment on column authority.verified_tokens.client_id is
'The client_id of the protocol: clients.client_id.';
comment on column authority.verified_tokens.authorization_id is
'As authority.live_tokens.authorization_id.';
comment on column authority.verified_tokens.user_id is
'As authority.live_tokens.user_id.';
comment on column authority.verified_tokens.subject_id is
'As authority.live_tokens.subject_id.';
comment on column authority.verified_tokens.username is
'As authority.live_tokens.username.';
comment on column authority.verified_tokens.service_account_id is
'As authority.live_tokens.service_account_id.';
comment on column authority.verified_tokens.account_id is
'As authority.live_tokens.account_id.';
comment on column authority.verified_tokens.actor is
'As authority.live_tokens.actor.';
comment on column authority.verified_tokens.scopes is
'As authority.live_tokens.scopes.';
comment on column authority.verified_tokens.cnf_jkt is
'As authority.live_tokens.cnf_jkt.';
comment on column authority.verified_tokens.cnf_x5t_s256 is
'As authority.live_tokens.cnf_x5t_s256.';
comment on column authority.verified_tokens.payload is
'As authority.live_tokens.payload.';
comment on column authority.verified_tokens.properties is
'As authority.live_tokens.properties.';
comment on column authority.verified_tokens.authenticated_at is
'As authority.live_tokens.authenticated_at.';
comment on column authority.verified_tokens.created_at is
'As authority.live_tokens.created_at.';
comment on column authority.verified_tokens.expires_at is
'As authority.live_tokens.expires_at.';

grant select
on authority.token_states, authority.live_tokens, authority.verified_tokens
to authority_app;

create or replace function authority.find_live_token(
    tenant_id uuid, token_hash bytea, type text
)
returns setof authority.verified_tokens
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
    return query
    select verified_tokens.*
    from authority.verified_tokens
    where
        verified_tokens.tenant_id = find_live_token.tenant_id
        and verified_tokens.token_hash = find_live_token.token_hash
        and verified_tokens.type = find_live_token.type;
    -- Assigned, since PERFORM would run a query for it.
    tenant_after := set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.find_live_token(uuid, bytea, text) is
'The live token of this tenant with this hash. Works for the tenant while it runs, and
for whom it worked before afterwards: one trip for who has a token and nothing else.';

revoke execute on function authority.find_live_token(uuid, bytea, text) from public;
grant execute on function authority.find_live_token(uuid, bytea, text)
to authority_app;
