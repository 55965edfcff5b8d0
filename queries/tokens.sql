-- name: get_by_id(tenant_id, token_id)^
-- The token with this id, live or not, or no row.
-- @row Token
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
    tokens.expires_at,
    tokens.redeemed_at,
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
-- @row Token
select
    tokens.tenant_id, tokens.id, tokens.type, tokens.token_hash, tokens.is_foreign,
    tokens.client_uuid, tokens.user_id, tokens.service_account_id,
    tokens.authorization_id, tokens.parent_id, tokens.subject_authorization_id,
    tokens.actor, tokens.scopes, tokens.resources, tokens.authorization_details,
    tokens.code_challenge, tokens.redirect_uri, tokens.nonce, tokens.cnf_jkt,
    tokens.cnf_x5t_s256, tokens.payload, tokens.properties, tokens.expires_at,
    tokens.redeemed_at, tokens.revoked_at, tokens.revocation_reason,
    tokens.authenticated_at, tokens.created_at
from authority.tokens
where
    tokens.tenant_id = :tenant_id
    and tokens.token_hash = :token_hash;

-- name: diagnose(tenant_id, token_hash)^
-- The state of a token, which an operator may see and the presenter of the token
-- may not: whether it is alive and, if not, the first reason in dead_because. No
-- row when there is no such token.
-- @row TokenDiagnosis
select
    token_states.tenant_id,
    token_states.id,
    token_states.type,
    token_states.dead_because,
    token_states.client_id,
    token_states.authorization_id,
    token_states.user_id,
    token_states.service_account_id,
    token_states.scopes,
    token_states.resources,
    token_states.authorization_details,
    token_states.redeemed_at,
    token_states.revoked_at,
    token_states.revocation_reason,
    token_states.authenticated_at,
    token_states.created_at,
    token_states.expires_at
from authority.token_states
where
    token_states.tenant_id = :tenant_id
    and token_states.token_hash = :token_hash;

-- name: verify(tenant_id, token_hash, type, resource)^
-- The live token with this hash, and what a resource server needs to know of its
-- client and subject (RFC 7662 section 2.2), or no row. Callers cannot tell why a
-- token was rejected. With a resource, the token must name it (RFC 8707); a null
-- resource requires nothing. The caller must check that the presenter holds the key or
-- the certificate that the token is bound to (RFC 9449 section 7.1, RFC 8705
-- section 3).
-- @row VerifiedToken
select
    verified_tokens.tenant_id,
    verified_tokens.id,
    verified_tokens.type,
    verified_tokens.is_foreign,
    verified_tokens.client_id,
    verified_tokens.authorization_id,
    verified_tokens.user_id,
    verified_tokens.subject_id,
    verified_tokens.username,
    verified_tokens.service_account_id,
    verified_tokens.account_id,
    verified_tokens.actor,
    verified_tokens.scopes,
    verified_tokens.resources,
    verified_tokens.authorization_details,
    verified_tokens.cnf_jkt,
    verified_tokens.cnf_x5t_s256,
    verified_tokens.payload,
    verified_tokens.properties,
    verified_tokens.authenticated_at,
    verified_tokens.acr,
    verified_tokens.amr,
    verified_tokens.created_at,
    verified_tokens.expires_at,
    verified_tokens.sid,
    verified_tokens.depends_on
from authority.verified_tokens
where
    verified_tokens.tenant_id = :tenant_id
    and verified_tokens.token_hash = :token_hash
    and verified_tokens.type = :type
    and (:resource::text is null or :resource = any(verified_tokens.resources));

-- name: verify_by_token(tenant_id, token_hash, type, resource)^
-- As verify, in one trip, for a transaction that works for no tenant yet.
-- @as verify -- The function reads the same view.
select
    verified_tokens.tenant_id, verified_tokens.id, verified_tokens.type,
    verified_tokens.is_foreign, verified_tokens.client_id,
    verified_tokens.authorization_id, verified_tokens.user_id,
    verified_tokens.subject_id, verified_tokens.username,
    verified_tokens.service_account_id, verified_tokens.account_id,
    verified_tokens.actor, verified_tokens.scopes, verified_tokens.resources,
    verified_tokens.authorization_details, verified_tokens.cnf_jkt,
    verified_tokens.cnf_x5t_s256, verified_tokens.payload, verified_tokens.properties,
    verified_tokens.authenticated_at, verified_tokens.acr, verified_tokens.amr,
    verified_tokens.created_at, verified_tokens.expires_at, verified_tokens.sid,
    verified_tokens.depends_on
from
    authority.find_live_token(
        :tenant_id, :token_hash, :type, :resource
    ) as verified_tokens;

-- name: verify_many(tenant_id, token_hashes, type, resource)
-- A live token with one of these hashes, as from verify, and its hash. Other hashes
-- have no row.
-- @row FoundToken
select
    verified_tokens.token_hash,
    verified_tokens.tenant_id,
    verified_tokens.id,
    verified_tokens.type,
    verified_tokens.is_foreign,
    verified_tokens.client_id,
    verified_tokens.authorization_id,
    verified_tokens.user_id,
    verified_tokens.subject_id,
    verified_tokens.username,
    verified_tokens.service_account_id,
    verified_tokens.account_id,
    verified_tokens.actor,
    verified_tokens.scopes,
    verified_tokens.resources,
    verified_tokens.authorization_details,
    verified_tokens.cnf_jkt,
    verified_tokens.cnf_x5t_s256,
    verified_tokens.payload,
    verified_tokens.properties,
    verified_tokens.authenticated_at,
    verified_tokens.acr,
    verified_tokens.amr,
    verified_tokens.created_at,
    verified_tokens.expires_at,
    verified_tokens.sid,
    verified_tokens.depends_on
from authority.verified_tokens
where
    verified_tokens.tenant_id = :tenant_id
    and verified_tokens.token_hash = any(:token_hashes)
    and verified_tokens.type = :type
    and (:resource::text is null or :resource = any(verified_tokens.resources));

-- name: verify_many_by_token(tenant_ids, token_hashes, type, resource)
-- As verify_many, in one trip, for tokens of any tenants: the n-th hash is of the n-th
-- tenant. For a transaction that works for no tenant yet.
-- @as verify_many -- The function reads the same view.
select
    found.token_hash, found.tenant_id, found.id, found.type, found.is_foreign,
    found.client_id, found.authorization_id, found.user_id, found.subject_id,
    found.username, found.service_account_id, found.account_id, found.actor,
    found.scopes, found.resources, found.authorization_details, found.cnf_jkt,
    found.cnf_x5t_s256, found.payload, found.properties, found.authenticated_at,
    found.acr, found.amr, found.created_at, found.expires_at, found.sid,
    found.depends_on
from (
    select
        presented.tenant_id,
        array_agg(presented.token_hash) as token_hashes
    from
        unnest(:tenant_ids::uuid[], :token_hashes::bytea[])
            as presented (tenant_id, token_hash)
    group by presented.tenant_id
) as asked
cross join
    lateral authority.find_live_tokens(
        asked.tenant_id, asked.token_hashes, :type, :resource
    ) as found;

-- name: create(tenant_id, type, token_hash, client_uuid, user_id, service_account_id, authorization_id, scopes, resources, authorization_details, code_challenge, redirect_uri, nonce, cnf_jkt, cnf_x5t_s256, payload, properties, authenticated_at, lifetime)^
-- The new token, or no row when the tenant is not active. The statement checks no
-- rule of OAuth, because it is for tokens from another store; queries/grants.sql
-- issues new ones. The token expires with its authorization if that is earlier. A
-- null authenticated_at means now.
-- @row Token
with kept as (
    update authority.authorizations
    set
        tokens_expire_at = least(
            authority.clock() + :lifetime, authorizations.expires_at
        )
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.id = :authorization_id
        and authorizations.tokens_expire_at
        < least(authority.clock() + :lifetime, authorizations.expires_at)
)

insert into authority.tokens (
    tenant_id,
    type,
    token_hash,
    client_uuid,
    user_id,
    service_account_id,
    authorization_id,
    scopes,
    resources,
    authorization_details,
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
    active_tenants.id,
    :type,
    :token_hash,
    :client_uuid,
    :user_id,
    :service_account_id,
    :authorization_id,
    :scopes,
    :resources,
    :authorization_details,
    :code_challenge,
    :redirect_uri,
    :nonce,
    :cnf_jkt,
    :cnf_x5t_s256,
    :payload,
    :properties,
    authority.sign_in_time(:authenticated_at) as authenticated_at,
    least(authority.clock() + :lifetime, authorizations.expires_at) as expires_at
from authority.active_tenants
left join authority.authorizations
    on
        authorizations.tenant_id = :tenant_id
        and authorizations.id = :authorization_id
where active_tenants.id = :tenant_id
returning
    tokens.tenant_id, tokens.id, tokens.type, tokens.token_hash, tokens.is_foreign,
    tokens.client_uuid, tokens.user_id, tokens.service_account_id,
    tokens.authorization_id, tokens.parent_id, tokens.subject_authorization_id,
    tokens.actor, tokens.scopes, tokens.resources, tokens.authorization_details,
    tokens.code_challenge, tokens.redirect_uri, tokens.nonce, tokens.cnf_jkt,
    tokens.cnf_x5t_s256, tokens.payload, tokens.properties, tokens.expires_at,
    tokens.redeemed_at, tokens.revoked_at, tokens.revocation_reason,
    tokens.authenticated_at, tokens.created_at;

-- name: revoke(tenant_id, token_hash, client_id, reason)!
-- Revokes the token if it was issued to this client_id. Unless it is an access
-- token, its family is revoked too, with the token's successors (RFC 7009 section
-- 2.1). A second call changes nothing, and neither does a refresh token that expired
-- 24 hours ago: it is forgotten, as by redemptions.redeem.
with presented as (
    select
        tokens.id,
        tokens.type,
        tokens.authorization_id
    from authority.tokens
    inner join authority.clients
        on
            clients.tenant_id = :tenant_id
            and tokens.client_uuid = clients.id
    where
        tokens.tenant_id = :tenant_id
        and tokens.token_hash = :token_hash
        and clients.client_id = :client_id
        and (
            tokens.type <> 'refresh'
            or tokens.expires_at > authority.clock() - interval '24 hours'
        )
),

family as (
    select authorizations.id
    from presented
    inner join authority.authorizations
        on
            authorizations.tenant_id = :tenant_id
            and presented.authorization_id = authorizations.id
    where presented.type <> 'access'
    for no key update of authorizations
),

ended as (
    update authority.authorizations
    set
        revoked_at = authority.clock(),
        revocation_reason = :reason,
        updated_at = authority.clock(),
        row_version = authorizations.row_version + 1
    from family
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.id = family.id
        and authorizations.revoked_at is null
)

update authority.tokens
set
    revoked_at = authority.clock(),
    revocation_reason = :reason
from presented
left join family on presented.authorization_id = family.id
where
    tokens.tenant_id = :tenant_id
    and tokens.id = presented.id
    and tokens.revoked_at is null;

-- name: revoke_by_id(tenant_id, token_id, reason)!
-- Revokes this token only, whoever it was issued to. The tokens that it was
-- redeemed for stay alive; authorizations.revoke ends a family. A second call
-- changes nothing.
update authority.tokens
set
    revoked_at = authority.clock(),
    revocation_reason = :reason
where
    tokens.tenant_id = :tenant_id
    and tokens.id = :token_id
    and tokens.revoked_at is null;

-- name: find_live_by_user(tenant_id, user_id, after, most, page_size)^
-- The ids of live tokens of this user, in order of id, starting after
-- the given id: at most page_size, among the first `most` tokens, live or not. If
-- page_size was not reached, examined_to is the id of the last of these, and null when
-- all were examined.
-- @row FoundIds
with examined as materialized (
    select
        tokens.id,
        (
            tokens.redeemed_at is null
            and tokens.revoked_at is null
            and tokens.expires_at > authority.clock()
        ) as is_listed
    from authority.tokens
    where
        tokens.tenant_id = :tenant_id
        and tokens.user_id = :user_id
        and tokens.id > :after
    order by tokens.id
    limit :most
),

found as materialized (
    select
        array(
            select examined.id
            from examined
            -- Its limit makes PostgreSQL look up one token after another.
            cross join
                lateral (
                    select live_tokens.id
                    from authority.live_tokens
                    where
                        live_tokens.tenant_id = :tenant_id
                        and live_tokens.id = examined.id
                    order by live_tokens.id
                    limit 1
                ) as live
            where examined.is_listed
            -- In the order of examined: a sort would look up all of its rows.
            limit :page_size -- noqa: AM09
        ) as ids
)

select
    found.ids,
    case
        when
            cardinality(found.ids) < :page_size
            and (select count(*) from examined) = :most
            then (
                select examined.id from examined
                order by examined.id desc limit 1
            )
    end as examined_to
from found;

-- name: find_live_by_service_account(tenant_id, service_account_id, after, most, page_size)^
-- The ids of live tokens of this service account, in order of id, starting after
-- the given id: at most page_size, among the first `most` tokens, live or not. If
-- page_size was not reached, examined_to is the id of the last of these, and null when
-- all were examined.
-- @row FoundIds
with examined as materialized (
    select
        tokens.id,
        (
            tokens.redeemed_at is null
            and tokens.revoked_at is null
            and tokens.expires_at > authority.clock()
        ) as is_listed
    from authority.tokens
    where
        tokens.tenant_id = :tenant_id
        and tokens.service_account_id = :service_account_id
        and tokens.id > :after
    order by tokens.id
    limit :most
),

found as materialized (
    select
        array(
            select examined.id
            from examined
            -- Its limit makes PostgreSQL look up one token after another.
            cross join
                lateral (
                    select live_tokens.id
                    from authority.live_tokens
                    where
                        live_tokens.tenant_id = :tenant_id
                        and live_tokens.id = examined.id
                    order by live_tokens.id
                    limit 1
                ) as live
            where examined.is_listed
            -- In the order of examined: a sort would look up all of its rows.
            limit :page_size -- noqa: AM09
        ) as ids
)

select
    found.ids,
    case
        when
            cardinality(found.ids) < :page_size
            and (select count(*) from examined) = :most
            then (
                select examined.id from examined
                order by examined.id desc limit 1
            )
    end as examined_to
from found;

-- name: find_live_by_client(tenant_id, client_uuid, after, most, page_size)^
-- The ids of live tokens of this client, in order of id, starting after
-- the given id: at most page_size, among the first `most` tokens, live or not. If
-- page_size was not reached, examined_to is the id of the last of these, and null when
-- all were examined.
-- @row FoundIds
with examined as materialized (
    select
        tokens.id,
        (
            tokens.redeemed_at is null
            and tokens.revoked_at is null
            and tokens.expires_at > authority.clock()
        ) as is_listed
    from authority.tokens
    where
        tokens.tenant_id = :tenant_id
        and tokens.client_uuid = :client_uuid
        and tokens.id > :after
    order by tokens.id
    limit :most
),

found as materialized (
    select
        array(
            select examined.id
            from examined
            -- Its limit makes PostgreSQL look up one token after another.
            cross join
                lateral (
                    select live_tokens.id
                    from authority.live_tokens
                    where
                        live_tokens.tenant_id = :tenant_id
                        and live_tokens.id = examined.id
                    order by live_tokens.id
                    limit 1
                ) as live
            where examined.is_listed
            -- In the order of examined: a sort would look up all of its rows.
            limit :page_size -- noqa: AM09
        ) as ids
)

select
    found.ids,
    case
        when
            cardinality(found.ids) < :page_size
            and (select count(*) from examined) = :most
            then (
                select examined.id from examined
                order by examined.id desc limit 1
            )
    end as examined_to
from found;

-- name: list_by_ids(tenant_id, ids)
-- One of these tokens, live or not, in order of id.
-- @row Token
select
    tokens.tenant_id, tokens.id, tokens.type, tokens.token_hash, tokens.is_foreign,
    tokens.client_uuid, tokens.user_id, tokens.service_account_id,
    tokens.authorization_id, tokens.parent_id, tokens.subject_authorization_id,
    tokens.actor, tokens.scopes, tokens.resources, tokens.authorization_details,
    tokens.code_challenge, tokens.redirect_uri, tokens.nonce, tokens.cnf_jkt,
    tokens.cnf_x5t_s256, tokens.payload, tokens.properties, tokens.expires_at,
    tokens.redeemed_at, tokens.revoked_at, tokens.revocation_reason,
    tokens.authenticated_at, tokens.created_at
from authority.tokens
where
    tokens.tenant_id = :tenant_id
    and tokens.id = any(:ids::uuid[])
order by tokens.id;

-- name: prune_expired(older_than, batch_size)!
-- Deletes access tokens of all tenants that expired longer ago than older_than.
-- prune_refresh_tokens deletes refresh tokens. Codes stay until their family is
-- pruned, so that their reuse is detected (RFC 6749 section 4.1.2).
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.tokens as candidates
    where
        candidates.type = 'access'
        and candidates.expires_at < authority.clock() - :older_than::interval
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.tokens
using doomed
where
    tokens.tenant_id = doomed.tenant_id
    and tokens.id = doomed.id;

-- name: prune_refresh_tokens(older_than, batch_size)!
-- Deletes refresh tokens of all tenants, redeemed or not, that expired more than 24
-- hours and older_than ago. They were forgotten 24 hours after they expired, so no
-- outcome depends on whether they were pruned.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.tokens -- The generic plan assumes that batch_size is a
--   tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.tokens as candidates
    where
        candidates.type = 'refresh'
        and candidates.expires_at
        < authority.clock() - interval '24 hours' - :older_than::interval
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.tokens
using doomed
where
    tokens.tenant_id = doomed.tenant_id
    and tokens.id = doomed.id;
