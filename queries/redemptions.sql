-- name: redeem(tenant_id, token_hash, type, client_id, redirect_uri, code_challenge, cnf_jkt, cnf_x5t_s256, scopes, resources, authorization_details, redemption_id, leeway, access_token_hash, access_lifetime, refresh_token_hash, refresh_lifetime)^
-- The outcome of presenting a code or refresh token, and the authorization (the family)
-- of its tokens. Of any number of racing requests one redeems the token.
--
-- - redeemed: the token is used up, and its successors are issued: an access token and
--   a refresh token, each if its hash is given.
-- - refreshed: an access token is issued, and the token is not used up. The request has
--   no hash of a new refresh token, and the client is confidential or the token is
--   bound to a key or certificate.
-- - rotation_required: the request has no hash of a new refresh token, and any other
--   token needs one (RFC 9700 section 4.14.2). The token is not used up.
-- - already_redeemed: this redemption_id has redeemed the token, so this is a retry
--   after a lost answer. The row is that of the first time.
-- - recently_redeemed: another request has redeemed the token within the leeway, and
--   the new refresh token is not used yet. Nothing is issued, and nothing is revoked.
-- - reused: another request has redeemed the token. The statement revokes the family,
--   unless it is revoked already (RFC 6749 section 4.1.2, RFC 9700 section 4.14.2).
-- - invalid_scope: the request has scopes that the token does not carry (RFC 6749
--   section 6). The token is not used up.
-- - invalid_target: the request names resources that the token does not name, or an
--   empty list although the token names some (RFC 8707 section 2.2). The token is not
--   used up.
-- - invalid_authorization_details: one of the request's authorization details equals
--   none of the token's (RFC 9396 section 6.1). The token is not used up.
-- - grant_not_allowed: the client's grant_types do not have this grant (RFC 7591
--   section 2). The token is not used up. Without refresh_token in the list the
--   statement issues no refresh token.
-- - invalid: the token is not alive, was not issued to this client_id, redirect_uri and
--   PKCE challenge (RFC 6749 section 4.1.3, RFC 7636 section 4.6), or is bound to
--   another key or certificate (RFC 9449 sections 5 and 10, RFC 8705 section 4). The
--   caller cannot tell which.
--
-- A refresh token is forgotten 24 hours after it expired: whatever became of it, it is
-- invalid, and its row may be pruned. A code is kept until its family ends.
--
-- A request with any mismatch revokes nothing. A null redirect_uri matches if the
-- client has registered exactly one (OAuth 2.1).
--
-- The statement locks the family and then the token, and judges the token after the
-- wait. Before both it locks the client, and the user or service account, against
-- deletion. The successors' foreign keys would lock them too late: a deletion locks
-- them first and their families afterwards.
--
-- Each locked row is looked up by an id that a subquery of one row returns. PostgreSQL
-- then looks up by the whole key, also in a table without statistics, whose joins it
-- underestimates.
--
-- Null scopes, resources or authorization details are all those of the token. Fewer of
-- them restrict only the access token (RFC 6749 section 6). A refresh token is bound to
-- the key of a public client (RFC 9449 section 5, RFC 8705 section 4). It expires when
-- it stays idle, and the family ends in any case (RFC 9700 section 4.14.2).
-- @row Redemption
-- @when outcome = redeemed, refreshed, already_redeemed, recently_redeemed --
--   authorization_id, scopes, resources, authorization_details, properties,
--   authenticated_at
-- @param access_lifetime nullable
-- @param refresh_lifetime nullable
with given as (
    select
        :tenant_id::uuid as tenant_id,
        authority.clock() as moment
),

presented as (
    select
        tokens.id,
        tokens.client_uuid,
        tokens.user_id,
        tokens.service_account_id,
        tokens.authorization_id
    from authority.tokens
    where
        tokens.tenant_id = :tenant_id
        and tokens.token_hash = :token_hash
        and tokens.type = :type
        and (
            tokens.type <> 'refresh'
            or tokens.expires_at > authority.clock() - interval '24 hours'
        )
),

issued_to as (
    select
        clients.id,
        clients.grant_types,
        cardinality(clients.redirect_uris) = 1 as has_one_uri
    from authority.clients
    where
        clients.tenant_id = :tenant_id
        and clients.id = (select presented.client_uuid from presented)
    for key share
),

speaks_for as (
    select users.id
    from authority.users
    where
        users.tenant_id = :tenant_id
        and users.id = (select presented.user_id from presented)
    for key share
),

acts_as as (
    select service_accounts.id
    from authority.service_accounts
    where
        service_accounts.tenant_id = :tenant_id
        and service_accounts.id = (
            select presented.service_account_id
            from presented
        )
    for key share
),

family as (
    select
        authorizations.id,
        authorizations.expires_at,
        authorizations.revoked_at,
        authorizations.session_id,
        authorizations.acr,
        authorizations.amr
    from authority.authorizations
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.id = (
            select presented.authorization_id
            from presented
            inner join issued_to on presented.client_uuid = issued_to.id
            left join speaks_for on presented.user_id = speaks_for.id
            left join acts_as on presented.service_account_id = acts_as.id
        )
    for no key update
),

token as (
    select
        tokens.id,
        tokens.client_uuid,
        tokens.user_id,
        tokens.service_account_id,
        tokens.scopes,
        tokens.resources,
        tokens.authorization_details,
        tokens.code_challenge,
        tokens.redirect_uri,
        tokens.nonce,
        tokens.cnf_jkt,
        tokens.cnf_x5t_s256,
        tokens.properties,
        tokens.redeemed_at,
        tokens.redemption_hash,
        tokens.revoked_at,
        tokens.authenticated_at,
        tokens.authorization_id
    from authority.tokens
    where
        tokens.tenant_id = :tenant_id
        and tokens.id = (
            select presented.id
            from presented
            inner join family on presented.authorization_id = family.id
        )
    for no key update
),

successor as (
    select successors.redeemed_at
    from authority.tokens as successors
    where
        successors.tenant_id = :tenant_id
        and successors.authorization_id = (select token.authorization_id from token)
        and successors.parent_id = (
            select token.id
            from token
            where token.redeemed_at is not null
        )
    for no key update
),

verdict as (
    select
        token.id,
        token.client_uuid,
        token.user_id,
        token.service_account_id,
        token.authorization_id,
        token.scopes,
        token.resources,
        token.authorization_details,
        token.nonce,
        token.properties,
        token.authenticated_at,
        family.session_id,
        family.acr,
        family.amr,
        issued_to.grant_types,
        family.expires_at as family_expires_at,
        token_states.subject_id,
        case
            when token_states.client_type = 'public' then :cnf_jkt
            when :type = 'refresh' then token.cnf_jkt
        end as refresh_cnf_jkt,
        case
            when token_states.client_type = 'public' then :cnf_x5t_s256
            when :type = 'refresh' then token.cnf_x5t_s256
        end as refresh_cnf_x5t_s256,
        case
            when
                (token_states.client_id is distinct from :client_id)
                or (
                    (token.redirect_uri is distinct from :redirect_uri)
                    and not (:redirect_uri is null and issued_to.has_one_uri)
                )
                or (token.code_challenge is distinct from :code_challenge)
                or (token.cnf_jkt is null or token.cnf_jkt = :cnf_jkt) is not true
                or (
                    token.cnf_x5t_s256 is null
                    or token.cnf_x5t_s256 = :cnf_x5t_s256
                ) is not true
                then 'invalid'
            when
                token.redemption_hash = sha256(uuid_send(:redemption_id))
                and family.revoked_at is null
                then 'already_redeemed'
            when token.redemption_hash = sha256(uuid_send(:redemption_id))
                then 'invalid'
            when
                :leeway > interval '0'
                and family.revoked_at is null
                and token.redeemed_at + :leeway > given.moment
                and not exists (
                    select from successor
                    where successor.redeemed_at is not null
                )
                then 'recently_redeemed'
            when token.redeemed_at is not null then 'reused'
            when
                token.revoked_at is not null
                or family.revoked_at is not null
                or token_states.dead_because is not null
                then 'invalid'
            when
                case
                    when :type = 'authorization_code' then 'authorization_code'
                    when :type = 'refresh' then 'refresh_token'
                    else 'urn:ietf:params:oauth:grant-type:device_code'
                end <> all(issued_to.grant_types)
                then 'grant_not_allowed'
            when not :scopes::text[] <@ token.scopes then 'invalid_scope'
            when
                not :resources::text[] <@ token.resources
                or (:resources = '{}' and token.resources <> '{}')
                then 'invalid_target'
            when
                not authority.covers_details(
                    token.authorization_details, :authorization_details::jsonb
                )
                then 'invalid_authorization_details'
            when :type <> 'refresh' or :refresh_token_hash::bytea is not null
                then 'redeemed'
            when
                token_states.client_type = 'public'
                and num_nonnulls(token.cnf_jkt, token.cnf_x5t_s256) = 0
                then 'rotation_required'
            else 'refreshed'
        end as outcome
    from token
    cross join family
    cross join issued_to
    cross join given
    inner join authority.token_states
        on
            token_states.tenant_id = :tenant_id
            and token.id = token_states.id
            and token_states.id = (select one.id from token as one)
),

redeemed as (
    update authority.tokens
    set
        redeemed_at = authority.clock(),
        redemption_hash = sha256(uuid_send(:redemption_id))
    from verdict
    where
        tokens.tenant_id = :tenant_id
        and tokens.id = verdict.id
        and verdict.outcome = 'redeemed'
),

issued as (
    insert into authority.tokens (
        tenant_id,
        type,
        token_hash,
        client_uuid,
        user_id,
        service_account_id,
        authorization_id,
        parent_id,
        scopes,
        resources,
        authorization_details,
        cnf_jkt,
        cnf_x5t_s256,
        properties,
        authenticated_at,
        expires_at
    )
    select
        :tenant_id,
        successors.type,
        successors.token_hash,
        verdict.client_uuid,
        verdict.user_id,
        verdict.service_account_id,
        verdict.authorization_id,
        case when verdict.outcome = 'redeemed' then verdict.id end as parent_id,
        case
            when successors.type = 'access' then coalesce(:scopes, verdict.scopes)
            else verdict.scopes
        end as scopes,
        case
            when successors.type = 'access' then coalesce(:resources, verdict.resources)
            else verdict.resources
        end as resources,
        case
            when successors.type = 'access'
                then coalesce(:authorization_details, verdict.authorization_details)
            else verdict.authorization_details
        end as authorization_details,
        case
            when successors.type = 'access' then :cnf_jkt else verdict.refresh_cnf_jkt
        end as cnf_jkt,
        case
            when successors.type = 'access' then :cnf_x5t_s256
            else verdict.refresh_cnf_x5t_s256
        end as cnf_x5t_s256,
        verdict.properties,
        verdict.authenticated_at,
        least(given.moment + successors.lifetime, verdict.family_expires_at)
            as expires_at
    from verdict
    cross join given
    cross join (
        values
        ('access', :access_token_hash::bytea, :access_lifetime::interval),
        ('refresh', :refresh_token_hash::bytea, :refresh_lifetime::interval)
    ) as successors (type, token_hash, lifetime)
    where
        verdict.outcome in ('redeemed', 'refreshed')
        and successors.token_hash is not null
        and (
            successors.type = 'access'
            or ('refresh_token' <> all(verdict.grant_types)) is not true
        )
    returning
        tokens.id,
        tokens.type,
        tokens.scopes,
        tokens.resources,
        tokens.authorization_details,
        tokens.expires_at
),

kept as (
    update authority.authorizations
    set
        tokens_expire_at = greatest(
            authorizations.tokens_expire_at,
            (select max(issued.expires_at) + interval '24 hours' from issued)
        ),
        revoked_at = case when verdict.outcome = 'reused' then given.moment end,
        revocation_reason = case
            when verdict.outcome = 'reused' then 'token_reuse'
        end,
        updated_at = given.moment,
        row_version = authorizations.row_version + 1
    from verdict
    cross join given
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.id = verdict.authorization_id
        and authorizations.revoked_at is null
        and (
            verdict.outcome = 'reused'
            or authorizations.tokens_expire_at
            < (select max(issued.expires_at) from issued)
        )
),

successors as (
    select
        issued.id,
        issued.type,
        issued.scopes,
        issued.resources,
        issued.authorization_details,
        issued.expires_at
    from issued
    union all
    select
        tokens.id,
        tokens.type,
        tokens.scopes,
        tokens.resources,
        tokens.authorization_details,
        tokens.expires_at
    from verdict
    inner join authority.tokens
        on
            tokens.tenant_id = :tenant_id
            and verdict.authorization_id = tokens.authorization_id
            and verdict.id = tokens.parent_id
    where verdict.outcome in ('already_redeemed', 'recently_redeemed')
)

select
    coalesce(verdict.outcome, 'invalid') as outcome,
    verdict.authorization_id,
    verdict.user_id,
    verdict.subject_id,
    verdict.service_account_id,
    coalesce(access.scopes, verdict.scopes) as scopes,
    coalesce(access.resources, verdict.resources) as resources,
    coalesce(access.authorization_details, verdict.authorization_details)
        as authorization_details,
    verdict.nonce,
    verdict.properties,
    verdict.authenticated_at,
    sessions.sid,
    verdict.acr,
    verdict.amr,
    access.id as access_token_id,
    access.expires_at as access_expires_at,
    refresh.id as refresh_token_id,
    refresh.expires_at as refresh_expires_at
from given
left join verdict on verdict.outcome <> 'invalid'
left join authority.sessions
    on
        sessions.tenant_id = :tenant_id
        and verdict.session_id = sessions.id
left join successors as access on access.type = 'access'
left join successors as refresh on refresh.type = 'refresh';
