-- Creates the views that decide whether a token is alive, and if not, why.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0022_create_token_states');

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
'Returns whether all these tokens exist and have no own_dead_because.
authority.token_states calls it for exchanged tokens only, because it costs time.';

revoke execute on function authority.are_tokens_alive(uuid, uuid[]) from public;
grant execute on function authority.are_tokens_alive(uuid, uuid[]) to authority_app;

create or replace view authority.token_states
with (security_invoker = true) as
select
    tokens.tenant_id,
    tokens.id,
    tokens.type,
    tokens.token_hash,
    tokens.is_foreign,
    tokens.client_uuid,
    tokens.user_id,
    tokens.service_account_id,
    tokens.authorization_id,
    tokens.parent_id,
    tokens.subject_authorization_id,
    tokens.exchanged_from,
    tokens.actor,
    tokens.scopes,
    tokens.resources,
    tokens.authorization_details,
    tokens.code_challenge,
    tokens.redirect_uri,
    tokens.nonce,
    tokens.cnf_jkt,
    tokens.cnf_x5t_s256,
    tokens.payload,
    tokens.properties,
    case
        when tokens.is_foreign
            then least(tokens.expires_at, active_tenants.foreign_tokens_until)
        else tokens.expires_at
    end as expires_at,
    tokens.redeemed_at,
    tokens.revoked_at,
    tokens.revocation_reason,
    tokens.authenticated_at,
    tokens.created_at,
    clients.client_id,
    clients.client_type,
    authorizations.acr,
    authorizations.amr,
    case when authorizations.ends_with_session then authorizations.session_id end
        as session_id,
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
        and tokens.client_uuid = clients.id
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
            -- One more join would be the ninth, and PostgreSQL orders eight
            -- (join_collapse_limit): redemptions.redeem would read whole tables.
            when
                authorizations.ends_with_session
                and not authority.is_session_in_force(
                    tokens.tenant_id, authorizations.session_id
                )
                then 'session_ended'
            when consents.revoked_at is not null then 'consent_revoked'
            when
                not tokens.scopes <@ consents.scopes
                or not tokens.resources <@ consents.resources
                or (
                    tokens.authorization_details <> '[]'
                    and not authority.covers_details(
                        consents.authorization_details, tokens.authorization_details
                    )
                )
                then 'consent_narrowed'
            when active_tenants.id is null then 'tenant_inactive'
            when tokens.authenticated_at <= active_tenants.tokens_valid_after
                then 'tenant_signed_out'
            when
                tokens.is_foreign
                and (active_tenants.foreign_tokens_until > authority.clock())
                is not true
                then 'foreign_refused'
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
'Whether each token is alive and, if not, why, by the database''s clock. Considers the
token itself and everything that it depends on. For operators: a client that presents a
token only learns whether it is active (RFC 7662 section 2.2).';
comment on column authority.token_states.expires_at is
'When it expires, or its tenant ceases to accept tokens of another store.';
comment on column authority.token_states.subject_id is
'The sub claim of its user. Null: the token has no user.';
comment on column authority.token_states.username is
'Username of its user. Null: the token has no user.';
comment on column authority.token_states.account_id is
'account_id of its service account. Null: the token has no service account.';
comment on column authority.token_states.session_id is 'The session it ends with.';
comment on column authority.token_states.own_dead_because is
'The first reason why it is dead, in the order token, family, session, consent, tenant,
client, subject. Null: none of these.';
comment on column authority.token_states.dead_because is
'own_dead_because, or exchanged_from_dead if a token that it was exchanged for is dead
or deleted. Null: it is alive.';

create or replace view authority.live_tokens
with (security_invoker = true) as
select
    token_states.tenant_id,
    token_states.id,
    token_states.type,
    token_states.token_hash,
    token_states.is_foreign,
    token_states.client_uuid,
    token_states.user_id,
    token_states.service_account_id,
    token_states.authorization_id,
    token_states.parent_id,
    token_states.subject_authorization_id,
    token_states.exchanged_from,
    token_states.actor,
    token_states.scopes,
    token_states.resources,
    token_states.authorization_details,
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
    token_states.client_id,
    token_states.client_type,
    token_states.acr,
    token_states.amr,
    token_states.session_id,
    token_states.subject_id,
    token_states.username,
    token_states.account_id
from authority.token_states
where token_states.dead_because is null;

comment on view authority.live_tokens is
'The tokens that are alive: those without dead_because in authority.token_states.';

grant select on authority.token_states, authority.live_tokens to authority_app;
