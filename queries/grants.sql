-- name: issue_code(tenant_id, token_hash, client_id, user_id, scopes, redirect_uri, code_challenge, nonce, cnf_jkt, properties, authenticated_at, session_id, lifetime, family_lifetime)^
-- The outcome of issuing an authorization code (RFC 6749 section 4.1.2): issued,
-- or the reason why not; and the authorization (the family) of all tokens that the
-- code will be redeemed for.
--
-- The redirect_uri must be one of the client's, compared exactly except for the port
-- of a native client's loopback address (RFC 9700 section 2.1, RFC 8252 section 7.3).
-- A public client, and a client that requires ft:pkce, must use PKCE (RFC 9700 section
-- 2.1.1). The user must have signed in after the last sign-out from everywhere, or the
-- outcome is login_required (OpenID Connect Core section 3.1.2.6). The user must have
-- consented, unless the client's consent_type is implicit (section 3.1.2.4); even then
-- the family ends when a consent that covers the scopes is revoked. With a null
-- family_lifetime the family never expires. A null authenticated_at means now.
--
-- With a session_id the user's sign-in is that of the session, whatever authenticated_at
-- is. If the session is not the user's or is over, the outcome is login_required. Unless
-- the scopes contain offline_access, the family ends with the session. The client is
-- noted as one of the session, which will be notified of its end.
--
-- The statement locks the client and the user against deletion and the session against
-- its end, and checks them after the wait for that lock.
-- @row CodeIssuance
-- @when outcome = issued -- token_id, authorization_id, scopes, expires_at
-- @param user_id notnull
-- @param family_lifetime nullable
with issued_to as (
    select
        clients.id,
        clients.client_type,
        clients.application_type,
        clients.consent_type,
        clients.enabled,
        clients.redirect_uris,
        clients.requirements
    from authority.clients
    where
        clients.tenant_id = :tenant_id
        and clients.client_id = :client_id
    for key share
),

granted_by as (
    select
        users.id,
        users.status,
        users.tokens_valid_after
    from issued_to
    inner join authority.users
        on
            users.tenant_id = :tenant_id
            and users.id = :user_id
    for key share of users
),

began_in as (
    select
        sessions.id,
        sessions.authenticated_at,
        case
            when not 'offline_access' = any(:scopes::text[]) then sessions.expires_at
        end as ends_at
    from granted_by
    inner join authority.sessions
        on
            sessions.tenant_id = :tenant_id
            and sessions.id = :session_id
            and granted_by.id = sessions.user_id
    where
        sessions.revoked_at is null
        and sessions.expires_at > authority.clock()
        and sessions.last_used_at + sessions.idle_timeout > authority.clock()
    for share of sessions
),

signed_in as (
    select case
        when :session_id::uuid is null then authority.sign_in_time(:authenticated_at)
        else (select began_in.authenticated_at from began_in)
    end as authenticated_at
),

asked as (
    select
        issued_to.id as client_uuid,
        consents.id as consent_id,
        began_in.id as session_id,
        began_in.ends_at,
        signed_in.authenticated_at,
        case
            when active_tenants.id is null then 'tenant_inactive'
            when issued_to.enabled is not true then 'client_inactive'
            when
                case
                    when :redirect_uri::text is null
                        then cardinality(issued_to.redirect_uris) <> 1
                    else not exists (
                        select from unnest(issued_to.redirect_uris) as registered (uri)
                        where
                            registered.uri = :redirect_uri
                            or (
                                issued_to.application_type = 'native'
                                and authority.without_loopback_port(registered.uri)
                                = authority.without_loopback_port(:redirect_uri)
                            )
                    )
                end
                then 'redirect_uri_not_registered'
            when (granted_by.status is distinct from 'active') then 'user_inactive'
            when
                signed_in.authenticated_at is null
                or signed_in.authenticated_at
                <= greatest(
                    active_tenants.tokens_valid_after, granted_by.tokens_valid_after
                )
                then 'login_required'
            when
                :code_challenge::text is null
                and (
                    issued_to.client_type = 'public'
                    or 'ft:pkce' = any(issued_to.requirements)
                )
                then 'pkce_required'
            when issued_to.consent_type <> 'implicit' and consents.id is null
                then 'consent_required'
            else 'issued'
        end as outcome
    from (values (:tenant_id::uuid)) as given (tenant_id)
    left join authority.active_tenants on active_tenants.id = :tenant_id
    left join issued_to on true
    left join granted_by on true
    left join began_in on true
    cross join signed_in
    left join authority.consents
        on
            consents.tenant_id = :tenant_id
            and granted_by.id = consents.user_id
            and issued_to.id = consents.client_uuid
            and consents.revoked_at is null
            and :scopes::text[] <@ consents.scopes
),

family as (
    insert into authority.authorizations (
        tenant_id,
        client_uuid,
        user_id,
        consent_id,
        session_id,
        ends_with_session,
        scopes,
        expires_at,
        tokens_expire_at
    )
    select
        :tenant_id,
        asked.client_uuid,
        :user_id,
        asked.consent_id,
        asked.session_id,
        asked.ends_at is not null as ends_with_session,
        :scopes,
        least(authority.clock() + :family_lifetime, asked.ends_at) as expires_at,
        authority.clock() + :lifetime as tokens_expire_at
    from asked
    where asked.outcome = 'issued'
    returning
        authorizations.id,
        authorizations.client_uuid,
        authorizations.expires_at
),

noted as (
    insert into authority.session_clients (tenant_id, session_id, client_uuid)
    select
        :tenant_id,
        asked.session_id,
        asked.client_uuid
    from asked
    where
        asked.outcome = 'issued'
        and asked.session_id is not null
    on conflict (tenant_id, session_id, client_uuid) do nothing
),

code as (
    insert into authority.tokens (
        tenant_id,
        type,
        token_hash,
        client_uuid,
        user_id,
        authorization_id,
        scopes,
        code_challenge,
        redirect_uri,
        nonce,
        cnf_jkt,
        properties,
        authenticated_at,
        expires_at
    )
    select
        :tenant_id,
        'authorization_code' as type,
        :token_hash,
        family.client_uuid,
        :user_id,
        family.id,
        :scopes,
        :code_challenge,
        :redirect_uri,
        :nonce,
        :cnf_jkt,
        :properties,
        asked.authenticated_at,
        least(authority.clock() + :lifetime, family.expires_at) as expires_at
    from family
    cross join asked
    returning
        tokens.id,
        tokens.authorization_id,
        tokens.scopes,
        tokens.expires_at
)

select
    asked.outcome,
    code.id as token_id,
    code.authorization_id,
    code.scopes,
    code.expires_at
from asked
left join code on true;

-- name: issue_to_client(tenant_id, token_hash, client_id, service_account_id, scopes, cnf_jkt, cnf_x5t_s256, payload, properties, lifetime)^
-- The outcome of issuing an access token to a client that acts for itself or for a
-- service account (RFC 6749 section 4.4): issued, or the reason why not. The
-- client must be confidential. A service account must authorize the client and
-- allow the scopes. The statement locks both against deletion and checks them
-- after the wait for that lock.
-- @row ClientTokenIssuance
-- @when outcome = issued -- token_id, scopes, expires_at
with issued_to as (
    select
        clients.id,
        clients.client_type,
        clients.enabled
    from authority.clients
    where
        clients.tenant_id = :tenant_id
        and clients.client_id = :client_id
    for key share
),

acts_as as (
    select
        service_accounts.enabled,
        service_accounts.authorized_client_uuids,
        service_accounts.allowed_scopes
    from issued_to
    inner join authority.service_accounts
        on
            service_accounts.tenant_id = :tenant_id
            and service_accounts.id = :service_account_id
    for key share of service_accounts
),

asked as (
    select
        issued_to.id as client_uuid,
        case
            when active_tenants.id is null then 'tenant_inactive'
            when issued_to.enabled is not true then 'client_inactive'
            when issued_to.client_type = 'public' then 'client_public'
            when :service_account_id::uuid is null then 'issued'
            when acts_as.enabled is not true then 'service_account_inactive'
            when not issued_to.id = any(acts_as.authorized_client_uuids)
                then 'client_not_authorized'
            when not :scopes::text[] <@ acts_as.allowed_scopes then 'invalid_scope'
            else 'issued'
        end as outcome
    from (values (:tenant_id::uuid)) as given (tenant_id)
    left join authority.active_tenants on active_tenants.id = :tenant_id
    left join issued_to on true
    left join acts_as on true
),

token as (
    insert into authority.tokens (
        tenant_id,
        type,
        token_hash,
        client_uuid,
        service_account_id,
        scopes,
        cnf_jkt,
        cnf_x5t_s256,
        payload,
        properties,
        expires_at
    )
    select
        :tenant_id,
        'access' as type,
        :token_hash,
        asked.client_uuid,
        :service_account_id,
        :scopes,
        :cnf_jkt,
        :cnf_x5t_s256,
        :payload,
        :properties,
        authority.clock() + :lifetime as expires_at
    from asked
    where asked.outcome = 'issued'
    returning
        tokens.id,
        tokens.scopes,
        tokens.expires_at
)

select
    asked.outcome,
    token.id as token_id,
    token.scopes,
    token.expires_at
from asked
left join token on true;

-- name: exchange(tenant_id, token_hash, client_id, subject_token_hash, actor_token_hash, scopes, cnf_jkt, cnf_x5t_s256, payload, properties, lifetime)^
-- The outcome of exchanging an access token for another one that has no more
-- scopes (RFC 8693 section 2): issued, or the reason why not.
--
-- The new token has the same subject, a user or a service account. Its actor is the
-- subject of the actor token, and contains the earlier actor (section 4.1); without an
-- actor token the actor stays as it was. The new token is alive while all tokens
-- behind it are, including the actor token, and expires with the first of them. At
-- most 16 tokens may be behind it. Only a confidential client may exchange, because
-- otherwise a stolen token would be enough (section 2.1); the caller decides whether
-- this client may. A token that is bound to a key or certificate cannot become an
-- unbound one (RFC 9700 section 2.2.1): the new token is bound to what the client has
-- proved. Null scopes are those of the subject's token.
--
-- The statement locks the rows that the new token refers to against deletion.
-- @row TokenExchange
-- @when outcome = issued -- token_id, scopes, expires_at
with issued_to as (
    select
        clients.id,
        clients.client_type,
        clients.enabled
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
            live_tokens.subject_id::text,
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
                (subject.is_bound or actor.is_bound is true)
                and num_nonnulls(:cnf_jkt::text, :cnf_x5t_s256::text) = 0
                then 'binding_required'
            when cardinality(behind.ids) > 16 then 'too_many_exchanges'
            else 'issued'
        end as outcome
    from (values (:tenant_id::uuid)) as given (tenant_id)
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
        :cnf_jkt,
        :cnf_x5t_s256,
        :payload,
        :properties,
        asked.authenticated_at,
        least(authority.clock() + :lifetime, asked.expires_at) as expires_at
    from asked
    where asked.outcome = 'issued'
    returning
        tokens.id,
        tokens.scopes,
        tokens.expires_at
)

select
    asked.outcome,
    token.id as token_id,
    token.scopes,
    token.expires_at
from asked
left join token on true;
