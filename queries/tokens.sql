-- name: get_by_id(tenant_id, token_id)^
-- The token with this id, live or not, or no row.
-- @row Token
select
    tokens.tenant_id,
    tokens.id,
    tokens.type,
    tokens.token_hash,
    tokens.client_id,
    tokens.user_id,
    tokens.service_account_id,
    tokens.authorization_id,
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
    tokens.redemption_id,
    tokens.revoked_at,
    tokens.revocation_reason,
    tokens.authenticated_at,
    tokens.created_at
from authority.tokens
where
    tokens.tenant_id = :tenant_id
    and tokens.id = :token_id;

-- name: get_by_hash(tenant_id, token_hash)^
-- The token with this hash, live or not, or no row.
select
    tokens.tenant_id,
    tokens.id,
    tokens.type,
    tokens.token_hash,
    tokens.client_id,
    tokens.user_id,
    tokens.service_account_id,
    tokens.authorization_id,
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
    tokens.redemption_id,
    tokens.revoked_at,
    tokens.revocation_reason,
    tokens.authenticated_at,
    tokens.created_at
from authority.tokens
where
    tokens.tenant_id = :tenant_id
    and tokens.token_hash = :token_hash;

-- name: create(tenant_id, type, token_hash, client_id, user_id, service_account_id, authorization_id, scopes, code_challenge, redirect_uri, nonce, cnf_jkt, cnf_x5t_s256, payload, properties, authenticated_at, lifetime)^
-- The new token, or no row when the tenant is not active. Expires by the database's
-- clock. An authenticated_at that is null means now.
insert into authority.tokens (
    tenant_id,
    type,
    token_hash,
    client_id,
    user_id,
    service_account_id,
    authorization_id,
    scopes,
    code_challenge,
    redirect_uri,
    nonce,
    cnf_jkt,
    cnf_x5t_s256,
    payload,
    properties,
    authenticated_at,
    expires_at
)
select
    tenants.id,
    :type,
    :token_hash,
    :client_id,
    :user_id,
    :service_account_id,
    :authorization_id,
    :scopes,
    :code_challenge,
    :redirect_uri,
    :nonce,
    :cnf_jkt,
    :cnf_x5t_s256,
    :payload,
    :properties,
    coalesce(:authenticated_at, authority.clock()) as authenticated_at,
    authority.clock() + :lifetime as expires_at
from authority.tenants
where
    tenants.id = :tenant_id
    and tenants.status in ('active', 'trial')
returning
    tokens.tenant_id,
    tokens.id,
    tokens.type,
    tokens.token_hash,
    tokens.client_id,
    tokens.user_id,
    tokens.service_account_id,
    tokens.authorization_id,
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
    tokens.redemption_id,
    tokens.revoked_at,
    tokens.revocation_reason,
    tokens.authenticated_at,
    tokens.created_at;

-- name: verify(tenant_id, token_hash, type)^
-- The live token with this hash, and what a resource server needs of its client and
-- subject (RFC 7662 section 2.2). Unknown, expired, redeemed and revoked tokens are
-- alike: no row.
-- @row VerifiedToken
select
    live_tokens.tenant_id,
    live_tokens.id,
    live_tokens.type,
    live_tokens.client_identifier as client_id,
    live_tokens.authorization_id,
    live_tokens.user_id,
    live_tokens.subject_id,
    live_tokens.username,
    live_tokens.service_account_id,
    live_tokens.account_id,
    live_tokens.scopes,
    live_tokens.cnf_jkt,
    live_tokens.cnf_x5t_s256,
    live_tokens.payload,
    live_tokens.properties,
    live_tokens.authenticated_at,
    live_tokens.created_at,
    live_tokens.expires_at
from authority.live_tokens
where
    live_tokens.tenant_id = :tenant_id
    and live_tokens.token_hash = :token_hash
    and live_tokens.type = :type;

-- name: verify_by_token(tenant_id, token_hash, type)^
-- As verify, in a transaction that works for no tenant yet, and still in one trip.
-- @as verify -- The function reads the same view.
select
    live_tokens.tenant_id,
    live_tokens.id,
    live_tokens.type,
    live_tokens.client_identifier as client_id,
    live_tokens.authorization_id,
    live_tokens.user_id,
    live_tokens.subject_id,
    live_tokens.username,
    live_tokens.service_account_id,
    live_tokens.account_id,
    live_tokens.scopes,
    live_tokens.cnf_jkt,
    live_tokens.cnf_x5t_s256,
    live_tokens.payload,
    live_tokens.properties,
    live_tokens.authenticated_at,
    live_tokens.created_at,
    live_tokens.expires_at
from authority.find_live_token(:tenant_id, :token_hash, :type) as live_tokens;

-- name: redeem(tenant_id, token_hash, type, client_id, redirect_uri, code_challenge, redemption_id)^
-- The token, now used up, or no row when it is not live, or was not issued to this
-- client_id, redirect_uri and PKCE challenge (RFC 6749 section 4.1.3, RFC 7636
-- section 4.6). Of any number of racing redemptions one gets the row:
-- the conditions on tokens itself are those that are looked at again after a wait.
-- @row Token
-- @nullable redeemed_at
-- @nullable redemption_id
-- @param redemption_id notnull -- the request's own id
update authority.tokens
set
    redeemed_at = authority.clock(),
    redemption_id = :redemption_id
from authority.live_tokens
where
    live_tokens.tenant_id = :tenant_id
    and live_tokens.token_hash = :token_hash
    and live_tokens.type = :type
    and live_tokens.client_identifier = :client_id
    and live_tokens.redirect_uri is not distinct from :redirect_uri
    and live_tokens.code_challenge is not distinct from :code_challenge
    and tokens.tenant_id = live_tokens.tenant_id
    and tokens.id = live_tokens.id
    and tokens.redeemed_at is null
    and tokens.revoked_at is null
    and tokens.expires_at > authority.clock()
returning
    tokens.tenant_id,
    tokens.id,
    tokens.type,
    tokens.token_hash,
    tokens.client_id,
    tokens.user_id,
    tokens.service_account_id,
    tokens.authorization_id,
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
    tokens.redemption_id,
    tokens.revoked_at,
    tokens.revocation_reason,
    tokens.authenticated_at,
    tokens.created_at;

-- name: rotate(tenant_id, token_hash, client_id, redemption_id, refresh_token_hash, refresh_lifetime, access_token_hash, access_lifetime)
-- The refresh token and the access token that replace the given refresh token (two
-- rows, refresh first), or no row when it is not live or not this client_id's
-- (RFC 6749 section 6, RFC 9700 section 4.14.2). They carry what it carried, but for
-- its payload.
-- @param redemption_id notnull -- the request's own id
with redeemed as (
    update authority.tokens
    set
        redeemed_at = authority.clock(),
        redemption_id = :redemption_id
    from authority.live_tokens
    where
        live_tokens.tenant_id = :tenant_id
        and live_tokens.token_hash = :token_hash
        and live_tokens.type = 'refresh'
        and live_tokens.client_identifier = :client_id
        and tokens.tenant_id = live_tokens.tenant_id
        and tokens.id = live_tokens.id
        and tokens.redeemed_at is null
        and tokens.revoked_at is null
        and tokens.expires_at > authority.clock()
    returning
        tokens.tenant_id,
        tokens.client_id,
        tokens.user_id,
        tokens.service_account_id,
        tokens.authorization_id,
        tokens.scopes,
        tokens.cnf_jkt,
        tokens.cnf_x5t_s256,
        tokens.properties,
        tokens.authenticated_at
)

insert into authority.tokens (
    tenant_id,
    type,
    token_hash,
    client_id,
    user_id,
    service_account_id,
    authorization_id,
    scopes,
    cnf_jkt,
    cnf_x5t_s256,
    properties,
    authenticated_at,
    expires_at
)
select
    redeemed.tenant_id,
    successors.type,
    successors.token_hash,
    redeemed.client_id,
    redeemed.user_id,
    redeemed.service_account_id,
    redeemed.authorization_id,
    redeemed.scopes,
    redeemed.cnf_jkt,
    redeemed.cnf_x5t_s256,
    redeemed.properties,
    redeemed.authenticated_at,
    authority.clock() + successors.lifetime as expires_at
from redeemed
cross join (
    values
    (1, 'refresh', :refresh_token_hash::bytea, :refresh_lifetime::interval),
    (2, 'access', :access_token_hash::bytea, :access_lifetime::interval)
) as successors (position, type, token_hash, lifetime)
order by successors.position
returning
    tokens.tenant_id,
    tokens.id,
    tokens.type,
    tokens.token_hash,
    tokens.client_id,
    tokens.user_id,
    tokens.service_account_id,
    tokens.authorization_id,
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
    tokens.redemption_id,
    tokens.revoked_at,
    tokens.revocation_reason,
    tokens.authenticated_at,
    tokens.created_at;

-- name: explain_refusal(tenant_id, token_hash, type, client_id, redirect_uri, code_challenge, redemption_id)^
-- Why redeem gave no row, after it: already_redeemed when the same request is
-- repeated, reused when another one presents a redeemed token, else invalid. Reuse
-- revokes the family (RFC 9700 section 4.14.2), in one row of authorizations that
-- the winner's tokens hang on too. Only the right client, redirect_uri and challenge
-- reach that far.
-- @row Refusal
with presented as (
    select
        tokens.tenant_id,
        tokens.authorization_id,
        tokens.redemption_id = :redemption_id as is_retry
    from authority.tokens
    inner join authority.clients
        on
            tokens.tenant_id = clients.tenant_id
            and tokens.client_id = clients.id
    where
        tokens.tenant_id = :tenant_id
        and tokens.token_hash = :token_hash
        and tokens.type = :type
        and tokens.redeemed_at is not null
        and clients.client_id = :client_id
        and tokens.redirect_uri is not distinct from :redirect_uri
        and tokens.code_challenge is not distinct from :code_challenge
),

revoked as (
    update authority.authorizations
    set
        revoked_at = authority.clock(),
        revocation_reason = 'token_reuse',
        updated_at = authority.clock(),
        row_version = authorizations.row_version + 1
    from presented
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.id = presented.authorization_id
        and authorizations.revoked_at is null
        and not presented.is_retry
)

select
    coalesce(
        (
            select
                case
                    when presented.is_retry then 'already_redeemed'
                    else 'reused'
                end
            from presented
        ),
        'invalid'
    ) as outcome;

-- name: revoke(tenant_id, token_hash, client_id, reason)!
-- Revokes the token if it was issued to this client_id, and with a refresh token its
-- family, successors included (RFC 7009 section 2.1). Again changes nothing.
with presented as (
    select
        tokens.tenant_id,
        tokens.id,
        tokens.type,
        tokens.authorization_id
    from authority.tokens
    inner join authority.clients
        on
            tokens.tenant_id = clients.tenant_id
            and tokens.client_id = clients.id
    where
        tokens.tenant_id = :tenant_id
        and tokens.token_hash = :token_hash
        and clients.client_id = :client_id
),

family as (
    update authority.authorizations
    set
        revoked_at = authority.clock(),
        revocation_reason = :reason,
        updated_at = authority.clock(),
        row_version = authorizations.row_version + 1
    from presented
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.id = presented.authorization_id
        and authorizations.revoked_at is null
        and presented.type = 'refresh'
)

update authority.tokens
set
    revoked_at = authority.clock(),
    revocation_reason = :reason
from presented
where
    tokens.tenant_id = :tenant_id
    and tokens.id = presented.id
    and tokens.revoked_at is null;

-- name: revoke_by_id(tenant_id, token_id, reason)!
-- Revokes the token, whoever's it is. Again changes nothing.
update authority.tokens
set
    revoked_at = authority.clock(),
    revocation_reason = :reason
where
    tokens.tenant_id = :tenant_id
    and tokens.id = :token_id
    and tokens.revoked_at is null;

-- name: revoke_by_authorization(tenant_id, authorization_id, reason)!
-- Revokes the live tokens of the family, the authorization itself left in force.
-- Misses what a rotation that is under way issues; authorizations.revoke does not.
update authority.tokens
set
    revoked_at = authority.clock(),
    revocation_reason = :reason
where
    tokens.tenant_id = :tenant_id
    and tokens.authorization_id = :authorization_id
    and tokens.redeemed_at is null
    and tokens.revoked_at is null
    and tokens.expires_at > authority.clock();

-- name: revoke_by_subject(tenant_id, user_id, service_account_id, reason)!
-- Revokes the live tokens that speak for this user or service account; the other id
-- is null.
-- @param user_id nullable
-- @param service_account_id nullable
update authority.tokens
set
    revoked_at = authority.clock(),
    revocation_reason = :reason
where
    tokens.tenant_id = :tenant_id
    and (
        tokens.user_id = :user_id
        or tokens.service_account_id = :service_account_id
    )
    and tokens.redeemed_at is null
    and tokens.revoked_at is null
    and tokens.expires_at > authority.clock();

-- name: revoke_by_client(tenant_id, client_id, reason)!
-- Revokes the live tokens that were issued to this client (clients.id). Misses what a
-- rotation that is under way issues; a client that is disabled first issues none.
update authority.tokens
set
    revoked_at = authority.clock(),
    revocation_reason = :reason
where
    tokens.tenant_id = :tenant_id
    and tokens.client_id = :client_id
    and tokens.redeemed_at is null
    and tokens.revoked_at is null
    and tokens.expires_at > authority.clock();

-- name: list_active_by_subject(tenant_id, user_id, service_account_id, after, page_size)
-- One live token that speaks for this user or service account (the other id is null),
-- in order of id, from the first one after the given id.
-- @param user_id nullable
-- @param service_account_id nullable
select
    live_tokens.tenant_id,
    live_tokens.id,
    live_tokens.type,
    live_tokens.token_hash,
    live_tokens.client_id,
    live_tokens.user_id,
    live_tokens.service_account_id,
    live_tokens.authorization_id,
    live_tokens.scopes,
    live_tokens.code_challenge,
    live_tokens.redirect_uri,
    live_tokens.nonce,
    live_tokens.cnf_jkt,
    live_tokens.cnf_x5t_s256,
    live_tokens.payload,
    live_tokens.properties,
    live_tokens.expires_at,
    live_tokens.redeemed_at,
    live_tokens.redemption_id,
    live_tokens.revoked_at,
    live_tokens.revocation_reason,
    live_tokens.authenticated_at,
    live_tokens.created_at
from authority.live_tokens
where
    live_tokens.tenant_id = :tenant_id
    and (
        live_tokens.user_id = :user_id
        or live_tokens.service_account_id = :service_account_id
    )
    and (:after::uuid is null or live_tokens.id > :after)
order by live_tokens.id
limit :page_size;

-- name: list_active_by_client(tenant_id, client_id, after, page_size)
-- One live token that was issued to this client (clients.id), in order of id, from the
-- first one after the given id.
select
    live_tokens.tenant_id,
    live_tokens.id,
    live_tokens.type,
    live_tokens.token_hash,
    live_tokens.client_id,
    live_tokens.user_id,
    live_tokens.service_account_id,
    live_tokens.authorization_id,
    live_tokens.scopes,
    live_tokens.code_challenge,
    live_tokens.redirect_uri,
    live_tokens.nonce,
    live_tokens.cnf_jkt,
    live_tokens.cnf_x5t_s256,
    live_tokens.payload,
    live_tokens.properties,
    live_tokens.expires_at,
    live_tokens.redeemed_at,
    live_tokens.redemption_id,
    live_tokens.revoked_at,
    live_tokens.revocation_reason,
    live_tokens.authenticated_at,
    live_tokens.created_at
from authority.live_tokens
where
    live_tokens.tenant_id = :tenant_id
    and live_tokens.client_id = :client_id
    and (:after::uuid is null or live_tokens.id > :after)
order by live_tokens.id
limit :page_size;

-- name: prune_expired(older_than, batch_size)!
-- Deletes tokens, of all tenants, that expired longer ago than this. A redeemed one
-- stays while its family has a live one, or its reuse could not be seen.
-- @plan cross_tenant -- Prunes for all tenants at once.
-- @plan seq_scan authority.tokens -- Planned without its value, batch_size
--   is taken for a tenth of the rows. With it each row is looked up by primary key.
--   Families are hashed together only while that fits in work_mem.
-- @role authority_maintenance
delete from authority.tokens
using (
    select
        candidates.tenant_id,
        candidates.id
    from authority.tokens as candidates
    where
        candidates.expires_at < authority.clock() - :older_than::interval
        and not (
            candidates.redeemed_at is not null
            and exists (
                select from authority.tokens as family
                where
                    family.tenant_id = candidates.tenant_id
                    and family.authorization_id = candidates.authorization_id
                    and family.expires_at > authority.clock()
            )
        )
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
) as doomed
where
    tokens.tenant_id = doomed.tenant_id
    and tokens.id = doomed.id;
