-- name: issue_code(tenant_id, token_hash, client_id, user_id, scopes, resources, authorization_details, redirect_uri, code_challenge, nonce, cnf_jkt, properties, session_id, authenticated_at, acr, amr, max_age, acr_values, requested_at, lifetime, family_lifetime)^
-- The outcome of issuing an authorization code (RFC 6749 section 4.1.2): issued,
-- or the reason why not; and the authorization (the family) of all tokens that the
-- code will be redeemed for.
--
-- The redirect_uri must be one of the client's, compared exactly except for the port
-- of a native client's loopback address (RFC 9700 section 2.1, RFC 8252 section 7.3).
-- The client's grant_types must have authorization_code and its response_types code, if
-- it has such lists (RFC 7591 section 2), and its metadata document must still hold.
-- A public client, and a client that requires ft:pkce, must use PKCE (RFC 9700 section
-- 2.1.1). The user must have consented, unless the client's consent_type is implicit
-- (OpenID Connect Core section 3.1.2.4); even then the family ends when a consent that
-- covers the scopes, the resources and the authorization details is revoked. With a
-- null family_lifetime the family never expires.
--
-- The user must have signed in after the last sign-out from everywhere, and no longer
-- than max_age before the request, which was received at requested_at; otherwise the
-- outcome is login_required (section 3.1.2.1). A null authenticated_at or requested_at
-- means now. The acr of the sign-in must be one of acr_values, or the outcome is
-- unmet_authentication_requirements (RFC 9470 section 5). A null max_age or acr_values
-- requires nothing.
--
-- With a session_id the sign-in is that of the session, and authenticated_at, acr and
-- amr are ignored. If the session is over or another user's, the outcome is
-- login_required. Unless the scopes contain offline_access, the family ends with the
-- session. The client is noted as one of the session, and is notified of its end.
--
-- The statement locks the client and the user against deletion and the session against
-- its end, and checks them after the wait for that lock.
-- @row CodeIssuance
-- @when outcome = issued -- token_id, authorization_id, scopes, expires_at
-- @param user_id notnull
-- @param max_age nullable
-- @param family_lifetime nullable
with given as (
    select
        :tenant_id::uuid as tenant_id,
        authority.clock() as moment
),

issued_to as (
    select
        clients.id,
        clients.client_type,
        clients.application_type,
        clients.consent_type,
        clients.enabled,
        clients.redirect_uris,
        clients.requirements,
        clients.grant_types,
        clients.response_types,
        clients.metadata_valid_until
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
    from authority.users
    where
        users.tenant_id = :tenant_id
        and users.id = (
            select :user_id::uuid
            from issued_to
        )
    for key share
),

begun as (
    select
        sessions.id,
        sessions.authenticated_at,
        sessions.acr,
        sessions.amr,
        case
            when not 'offline_access' = any(:scopes::text[]) then sessions.expires_at
        end as ends_families_at
    from authority.sessions
    where
        sessions.tenant_id = :tenant_id
        and sessions.id = :session_id
        and sessions.user_id = (
            select granted_by.id
            from granted_by
        )
        and sessions.revoked_at is null
        and sessions.expires_at > authority.clock()
        and sessions.last_used_at + sessions.idle_timeout > authority.clock()
    for share
),

sign_in as (
    select
        authority.sign_in_time(:authenticated_at) as authenticated_at,
        coalesce(:authenticated_at, given.moment) as claimed_at,
        :acr::text as acr,
        :amr::text[] as amr,
        null::uuid as session_id,
        null::timestamptz as ends_families_at
    from given
    where :session_id::uuid is null
    union all
    select
        begun.authenticated_at,
        begun.authenticated_at as claimed_at,
        begun.acr,
        begun.amr,
        begun.id as session_id,
        begun.ends_families_at
    from begun
),

asked as (
    select
        issued_to.id as client_uuid,
        consents.id as consent_id,
        sign_in.authenticated_at,
        sign_in.acr,
        sign_in.amr,
        sign_in.session_id,
        sign_in.ends_families_at,
        case
            when active_tenants.id is null then 'tenant_inactive'
            when issued_to.enabled is not true then 'client_inactive'
            when issued_to.metadata_valid_until <= given.moment
                then 'client_metadata_expired'
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
            when
                'authorization_code' <> all(issued_to.grant_types)
                or 'code' <> all(issued_to.response_types)
                then 'grant_not_allowed'
            when (granted_by.status is distinct from 'active') then 'user_inactive'
            when
                sign_in.authenticated_at is null
                or sign_in.authenticated_at
                <= greatest(
                    active_tenants.tokens_valid_after, granted_by.tokens_valid_after
                )
                or sign_in.claimed_at + :max_age::interval
                < coalesce(:requested_at, given.moment)
                then 'login_required'
            when
                :acr_values::text[] is not null
                and (sign_in.acr = any(:acr_values)) is not true
                then 'unmet_authentication_requirements'
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
    from given
    left join authority.active_tenants on active_tenants.id = :tenant_id
    left join issued_to on true
    left join granted_by on true
    left join sign_in on true
    left join authority.consents
        on
            consents.tenant_id = :tenant_id
            and granted_by.id = consents.user_id
            and issued_to.id = consents.client_uuid
            and consents.revoked_at is null
            and :scopes::text[] <@ consents.scopes
            and :resources::text[] <@ consents.resources
            and authority.covers_details(
                consents.authorization_details, :authorization_details
            )
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
        resources,
        authorization_details,
        acr,
        amr,
        expires_at,
        tokens_expire_at
    )
    select
        :tenant_id,
        asked.client_uuid,
        :user_id,
        asked.consent_id,
        asked.session_id,
        asked.ends_families_at is not null as ends_with_session,
        :scopes,
        :resources,
        :authorization_details,
        asked.acr,
        asked.amr,
        least(given.moment + :family_lifetime, asked.ends_families_at) as expires_at,
        given.moment + :lifetime as tokens_expire_at
    from asked
    cross join given
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
        resources,
        authorization_details,
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
        :resources,
        :authorization_details,
        :code_challenge,
        :redirect_uri,
        :nonce,
        :cnf_jkt,
        :properties,
        asked.authenticated_at,
        least(given.moment + :lifetime, family.expires_at) as expires_at
    from family
    cross join asked
    cross join given
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

-- name: issue_to_client(tenant_id, token_hash, client_id, service_account_id, scopes, resources, authorization_details, cnf_jkt, cnf_x5t_s256, payload, properties, lifetime)^
-- The outcome of issuing an access token to a client that acts for itself or for a
-- service account (RFC 6749 section 4.4): issued, or the reason why not. The
-- client must be confidential. A service account must authorize the client and
-- allow the scopes and the resources. The caller decides which authorization details
-- the token gets, and what a client may have that acts for itself. The statement locks
-- both against deletion and checks them after the wait for that lock.
-- @row ClientTokenIssuance
-- @when outcome = issued -- token_id, scopes, expires_at
with issued_to as (
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

acts_as as (
    select
        service_accounts.enabled,
        service_accounts.authorized_client_uuids,
        service_accounts.allowed_scopes,
        service_accounts.allowed_resources
    from authority.service_accounts
    where
        service_accounts.tenant_id = :tenant_id
        and service_accounts.id = (
            select :service_account_id::uuid
            from issued_to
        )
    for key share
),

asked as (
    select
        issued_to.id as client_uuid,
        case
            when active_tenants.id is null then 'tenant_inactive'
            when issued_to.enabled is not true then 'client_inactive'
            when issued_to.client_type = 'public' then 'client_public'
            when 'client_credentials' <> all(issued_to.grant_types)
                then 'grant_not_allowed'
            when :service_account_id::uuid is null then 'issued'
            when acts_as.enabled is not true then 'service_account_inactive'
            when not issued_to.id = any(acts_as.authorized_client_uuids)
                then 'client_not_authorized'
            when not :scopes::text[] <@ acts_as.allowed_scopes then 'invalid_scope'
            when not :resources::text[] <@ acts_as.allowed_resources
                then 'invalid_target'
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
        resources,
        authorization_details,
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
        :resources,
        :authorization_details,
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

-- name: issue_many(tenant_id, rows)
-- The outcome of each request, in their order: as issue_to_client, which has the rules.
-- One request that is refused does not affect the others. rows is a JSON array of
-- objects.
-- @row ClientTokenIssuance
-- @when outcome = issued -- token_id, scopes, expires_at
with given as materialized (
    select
        requests.position,
        requests.token_hash,
        requests.client_id,
        requests.service_account_id,
        requests.scopes,
        requests.resources,
        requests.authorization_details,
        requests.cnf_jkt,
        requests.cnf_x5t_s256,
        requests.payload,
        requests.properties,
        requests.lifetime
    from json_to_recordset((:rows::text)::json) as requests (
        position bigint,
        token_hash bytea,
        client_id text,
        service_account_id uuid,
        scopes text[],
        resources text[],
        authorization_details jsonb,
        cnf_jkt text,
        cnf_x5t_s256 text,
        payload bytea,
        properties jsonb,
        lifetime interval
    )
),

issued_to as (
    select
        clients.id,
        clients.client_id,
        clients.client_type,
        clients.enabled,
        clients.grant_types
    from authority.clients
    where
        clients.tenant_id = :tenant_id
        and clients.client_id = any(
            array(
                select given.client_id
                from given
            )
        )
    order by clients.id
    for key share
),

acts_as as (
    select
        service_accounts.id,
        service_accounts.enabled,
        service_accounts.authorized_client_uuids,
        service_accounts.allowed_scopes,
        service_accounts.allowed_resources
    from authority.service_accounts
    where
        service_accounts.tenant_id = :tenant_id
        and service_accounts.id = any(
            array(
                select given.service_account_id
                from given
            )
        )
    order by service_accounts.id
    for key share
),

asked as (
    select
        given.position,
        issued_to.id as client_uuid,
        case
            when active_tenants.id is null then 'tenant_inactive'
            when issued_to.enabled is not true then 'client_inactive'
            when issued_to.client_type = 'public' then 'client_public'
            when 'client_credentials' <> all(issued_to.grant_types)
                then 'grant_not_allowed'
            when given.service_account_id is null then 'issued'
            when acts_as.enabled is not true then 'service_account_inactive'
            when not issued_to.id = any(acts_as.authorized_client_uuids)
                then 'client_not_authorized'
            when not given.scopes <@ acts_as.allowed_scopes then 'invalid_scope'
            when not given.resources <@ acts_as.allowed_resources
                then 'invalid_target'
            else 'issued'
        end as outcome
    from given
    left join authority.active_tenants on active_tenants.id = :tenant_id
    left join issued_to on given.client_id = issued_to.client_id
    left join acts_as on given.service_account_id = acts_as.id
),

token as (
    insert into authority.tokens (
        tenant_id,
        type,
        token_hash,
        client_uuid,
        service_account_id,
        scopes,
        resources,
        authorization_details,
        cnf_jkt,
        cnf_x5t_s256,
        payload,
        properties,
        expires_at
    )
    select
        :tenant_id,
        'access' as type,
        given.token_hash,
        asked.client_uuid,
        given.service_account_id,
        given.scopes,
        given.resources,
        given.authorization_details,
        given.cnf_jkt,
        given.cnf_x5t_s256,
        given.payload,
        given.properties,
        authority.clock() + given.lifetime as expires_at
    from asked
    inner join given on asked.position = given.position
    where asked.outcome = 'issued'
    returning
        tokens.id,
        tokens.token_hash,
        tokens.scopes,
        tokens.expires_at
)

select
    asked.outcome, token.id as token_id, token.scopes, token.expires_at
from asked
inner join given on asked.position = given.position
left join token on given.token_hash = token.token_hash
order by asked.position;
