-- name: exchange(tenant_id, token_hash, client_id, subject_token_hash, actor_token_hash, scopes, resources, authorization_details, cnf_jkt, cnf_x5t_s256, payload, properties, lifetime)^
-- The outcome of exchanging an access token for another one that has no more scopes,
-- resources and authorization details (RFC 8693 section 2): issued, or the reason why
-- not.
--
-- The new token has the same subject, a user or a service account. Its actor is the
-- subject of the actor token, and contains the earlier actor (section 4.1); without an
-- actor token the actor stays as it was. The new token is alive while all tokens
-- behind it are, including the actor token, and expires with the first of them. At
-- most 16 tokens may be behind it. Only a confidential client may exchange, because
-- otherwise a stolen token would be enough (section 2.1); the caller decides whether
-- this client may. A token that is bound to a key or certificate cannot become an
-- unbound one (RFC 9700 section 2.2.1): the new token is bound to what the client has
-- proved. Null scopes, resources or authorization details are those of the subject's
-- token. Resources that it does not name are an invalid_target, and so is an empty list
-- if it names any.
--
-- The statement locks the rows that the new token refers to against deletion.
-- @row TokenExchange
-- @when outcome = issued -- token_id, scopes, resources, authorization_details,
--   expires_at
with given as (
    select
        :tenant_id::uuid as tenant_id,
        authority.clock() as moment
),

issued_to as (
    select
        clients.id,
        clients.client_type,
        clients.enabled,
        clients.grant_types
    from authority.clients
    where
        clients.tenant_id = :tenant_id
        and clients.client_id = :client_id
    for key share
),

subject as (
    select
        live_tokens.id,
        live_tokens.user_id,
        live_tokens.service_account_id,
        coalesce(live_tokens.authorization_id, live_tokens.subject_authorization_id)
            as authorization_id,
        live_tokens.exchanged_from,
        live_tokens.actor,
        live_tokens.scopes,
        live_tokens.resources,
        live_tokens.authorization_details,
        num_nonnulls(live_tokens.cnf_jkt, live_tokens.cnf_x5t_s256) > 0 as is_bound,
        live_tokens.expires_at,
        live_tokens.authenticated_at
    from authority.live_tokens
    where
        live_tokens.tenant_id = :tenant_id
        and live_tokens.token_hash = :subject_token_hash
        and live_tokens.type = 'access'
        and num_nonnulls(live_tokens.user_id, live_tokens.service_account_id) = 1
),

actor as (
    select
        live_tokens.id,
        live_tokens.exchanged_from,
        coalesce(
            live_tokens.subject_id,
            live_tokens.account_id,
            live_tokens.client_id
        ) as sub,
        live_tokens.client_id,
        num_nonnulls(live_tokens.cnf_jkt, live_tokens.cnf_x5t_s256) > 0 as is_bound,
        live_tokens.expires_at
    from authority.live_tokens
    where
        live_tokens.tenant_id = :tenant_id
        and live_tokens.token_hash = :actor_token_hash
        and live_tokens.type = 'access'
),

behind as (
    select array_agg(distinct tokens.id) as ids
    from subject
    left join actor on true
    cross join
        unnest(
            array[subject.id, actor.id]
            || subject.exchanged_from
            || actor.exchanged_from
        ) as tokens (id)
    where tokens.id is not null
),

speaks_for as (
    select users.id
    from issued_to
    cross join subject
    inner join authority.users
        on
            users.tenant_id = :tenant_id
            and subject.user_id = users.id
    for key share of users
),

acts_as as (
    select service_accounts.id
    from issued_to
    cross join subject
    inner join authority.service_accounts
        on
            service_accounts.tenant_id = :tenant_id
            and subject.service_account_id = service_accounts.id
    for key share of service_accounts
),

held as (
    select
        subject.id,
        authorizations.id as authorization_id
    from issued_to
    cross join subject
    left join speaks_for on subject.user_id = speaks_for.id
    left join acts_as on subject.service_account_id = acts_as.id
    inner join authority.authorizations
        on
            authorizations.tenant_id = :tenant_id
            and subject.authorization_id = authorizations.id
    where num_nonnulls(speaks_for.id, acts_as.id) = 1
    for key share of authorizations
),

asked as (
    select
        issued_to.id as client_uuid,
        subject.user_id,
        subject.service_account_id,
        subject.authorization_id,
        behind.ids as exchanged_from,
        coalesce(:scopes::text[], subject.scopes) as scopes,
        coalesce(:resources::text[], subject.resources) as resources,
        coalesce(:authorization_details::jsonb, subject.authorization_details)
            as authorization_details,
        least(subject.expires_at, actor.expires_at) as expires_at,
        subject.authenticated_at,
        case
            when actor.id is null then subject.actor
            else jsonb_strip_nulls(
                jsonb_build_object(
                    'sub', actor.sub,
                    'client_id', actor.client_id,
                    'act', subject.actor
                )
            )
        end as actor,
        case
            when active_tenants.id is null then 'tenant_inactive'
            when issued_to.enabled is not true then 'client_inactive'
            when issued_to.client_type = 'public' then 'client_public'
            when
                'urn:ietf:params:oauth:grant-type:token-exchange'
                <> all(issued_to.grant_types)
                then 'grant_not_allowed'
            when
                case
                    when subject.authorization_id is null
                        then num_nonnulls(speaks_for.id, acts_as.id) = 0
                    else held.id is null
                end
                then 'invalid_subject_token'
            when :actor_token_hash::bytea is not null and actor.id is null
                then 'invalid_actor_token'
            when not :scopes::text[] <@ subject.scopes then 'invalid_scope'
            when
                not :resources::text[] <@ subject.resources
                or (:resources = '{}' and subject.resources <> '{}')
                then 'invalid_target'
            when
                not authority.covers_details(
                    subject.authorization_details, :authorization_details::jsonb
                )
                then 'invalid_authorization_details'
            when
                (subject.is_bound or actor.is_bound is true)
                and num_nonnulls(:cnf_jkt::text, :cnf_x5t_s256::text) = 0
                then 'binding_required'
            when cardinality(behind.ids) > 16 then 'too_many_exchanges'
            else 'issued'
        end as outcome
    from given
    left join authority.active_tenants on active_tenants.id = :tenant_id
    left join issued_to on true
    left join subject on true
    left join actor on true
    left join speaks_for on true
    left join acts_as on true
    left join held on true
    cross join behind
),

token as (
    insert into authority.tokens (
        tenant_id,
        type,
        token_hash,
        client_uuid,
        user_id,
        service_account_id,
        subject_authorization_id,
        exchanged_from,
        actor,
        scopes,
        resources,
        authorization_details,
        cnf_jkt,
        cnf_x5t_s256,
        payload,
        properties,
        authenticated_at,
        expires_at
    )
    select
        :tenant_id,
        'access' as type,
        :token_hash,
        asked.client_uuid,
        asked.user_id,
        asked.service_account_id,
        asked.authorization_id,
        asked.exchanged_from,
        asked.actor,
        asked.scopes,
        asked.resources,
        asked.authorization_details,
        :cnf_jkt,
        :cnf_x5t_s256,
        :payload,
        :properties,
        asked.authenticated_at,
        least(given.moment + :lifetime, asked.expires_at) as expires_at
    from asked
    cross join given
    where asked.outcome = 'issued'
    returning
        tokens.id,
        tokens.scopes,
        tokens.resources,
        tokens.authorization_details,
        tokens.expires_at
)

select
    asked.outcome,
    token.id as token_id,
    token.scopes,
    token.resources,
    token.authorization_details,
    token.expires_at
from asked
left join token on true;
