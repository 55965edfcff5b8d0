-- name: get_by_id(tenant_id, authorization_id)^
-- The authorization with this id, revoked or not, or no row.
-- @row Authorization
select
    authorizations.tenant_id,
    authorizations.id,
    authorizations.client_uuid,
    authorizations.user_id,
    authorizations.service_account_id,
    authorizations.consent_id,
    authorizations.session_id,
    authorizations.ends_with_session,
    authorizations.scopes,
    authorizations.resources,
    authorizations.authorization_details,
    authorizations.acr,
    authorizations.amr,
    authorizations.properties,
    authorizations.expires_at,
    authorizations.tokens_expire_at,
    authorizations.revoked_at,
    authorizations.revocation_reason,
    authorizations.created_at,
    authorizations.updated_at,
    authorizations.row_version
from authority.authorizations
where
    authorizations.tenant_id = :tenant_id
    and authorizations.id = :authorization_id;

-- name: find_by_user(tenant_id, user_id, after, most, page_size)^
-- The ids of the user's authorizations that are in force, in order of id, starting
-- after the given id. In force means: neither the authorization nor its consent is
-- revoked, it has not expired, and not all of its tokens expired more than a day ago.
-- At most page_size ids, among the first `most` authorizations. If page_size was not
-- reached, examined_to is the id of the last of these, and null when all were examined.
-- @row FoundIds
with examined as materialized (
    select
        authorizations.id,
        authorizations.consent_id,
        (
            authorizations.revoked_at is null
            and authorizations.tokens_expire_at > authority.clock()
            and (
                authorizations.expires_at is null
                or authorizations.expires_at > authority.clock()
            )
        ) as is_listed
    from authority.authorizations
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.user_id = :user_id
        and authorizations.id > :after
    order by authorizations.id
    limit :most
),

found as materialized (
    select
        array(
            select examined.id
            from examined
            -- Its limit makes PostgreSQL look up one consent after another.
            left join lateral (
                select consents.id
                from authority.consents
                where
                    consents.tenant_id = :tenant_id
                    and consents.id = examined.consent_id
                    and consents.revoked_at is not null
                order by consents.id
                limit 1
            ) as revoked on true
            where
                examined.is_listed
                and revoked.id is null
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

-- name: find_by_client(tenant_id, client_uuid, after, most, page_size)^
-- The ids of the client's authorizations that are in force, otherwise as find_by_user.
-- @row FoundIds
with examined as materialized (
    select
        authorizations.id,
        authorizations.consent_id,
        (
            authorizations.revoked_at is null
            and authorizations.tokens_expire_at > authority.clock()
            and (
                authorizations.expires_at is null
                or authorizations.expires_at > authority.clock()
            )
        ) as is_listed
    from authority.authorizations
    where
        authorizations.tenant_id = :tenant_id
        and authorizations.client_uuid = :client_uuid
        and authorizations.id > :after
    order by authorizations.id
    limit :most
),

found as materialized (
    select
        array(
            select examined.id
            from examined
            -- Its limit makes PostgreSQL look up one consent after another.
            left join lateral (
                select consents.id
                from authority.consents
                where
                    consents.tenant_id = :tenant_id
                    and consents.id = examined.consent_id
                    and consents.revoked_at is not null
                order by consents.id
                limit 1
            ) as revoked on true
            where
                examined.is_listed
                and revoked.id is null
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
-- One of these authorizations, in order of id.
-- @row Authorization
select
    authorizations.tenant_id, authorizations.id, authorizations.client_uuid,
    authorizations.user_id, authorizations.service_account_id,
    authorizations.consent_id, authorizations.session_id,
    authorizations.ends_with_session, authorizations.scopes, authorizations.resources,
    authorizations.authorization_details, authorizations.acr, authorizations.amr,
    authorizations.properties, authorizations.expires_at,
    authorizations.tokens_expire_at, authorizations.revoked_at,
    authorizations.revocation_reason, authorizations.created_at,
    authorizations.updated_at, authorizations.row_version
from authority.authorizations
where
    authorizations.tenant_id = :tenant_id
    and authorizations.id = any(:ids::uuid[])
order by authorizations.id;

-- name: create(tenant_id, client_uuid, user_id, service_account_id, consent_id, scopes, resources, authorization_details, acr, amr, properties, lifetime)^
-- The new authorization, or no row when the tenant is not active. With a null
-- lifetime it never expires.
-- @row Authorization
-- @param lifetime nullable
insert into authority.authorizations (
    tenant_id,
    client_uuid,
    user_id,
    service_account_id,
    consent_id,
    scopes,
    resources,
    authorization_details,
    acr,
    amr,
    properties,
    expires_at
)
select
    active_tenants.id,
    :client_uuid,
    :user_id,
    :service_account_id,
    :consent_id,
    :scopes,
    :resources,
    :authorization_details,
    :acr,
    :amr,
    :properties,
    authority.clock() + :lifetime as expires_at
from authority.active_tenants
where active_tenants.id = :tenant_id
returning
    authorizations.tenant_id, authorizations.id, authorizations.client_uuid,
    authorizations.user_id, authorizations.service_account_id,
    authorizations.consent_id, authorizations.session_id,
    authorizations.ends_with_session, authorizations.scopes, authorizations.resources,
    authorizations.authorization_details, authorizations.acr, authorizations.amr,
    authorizations.properties, authorizations.expires_at,
    authorizations.tokens_expire_at, authorizations.revoked_at,
    authorizations.revocation_reason, authorizations.created_at,
    authorizations.updated_at, authorizations.row_version;

-- name: revoke(tenant_id, authorization_id, reason)!
-- Revokes the authorization, which ends every token under it (RFC 7009 section
-- 2.1). A second call changes nothing.
update authority.authorizations
set
    revoked_at = authority.clock(),
    revocation_reason = :reason,
    updated_at = authority.clock(),
    row_version = authorizations.row_version + 1
where
    authorizations.tenant_id = :tenant_id
    and authorizations.id = :authorization_id
    and authorizations.revoked_at is null;

-- name: prune_expired(older_than, batch_size)!
-- Deletes authorizations of all tenants whose last token expired longer ago than
-- older_than, with all their tokens. Until then the reuse of a token is detected
-- (RFC 9700 section 4.14.2). Each row is checked again once it is locked: an
-- authorization that a redemption prolongs meanwhile stays.
-- @plan cross_tenant -- The statement prunes for all tenants at once.
-- @plan seq_scan authority.authorizations -- The generic plan assumes that batch_size
--   is a tenth of the rows. With its value each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.id
    from authority.authorizations as candidates
    where candidates.tokens_expire_at < authority.clock() - :older_than::interval
    order by candidates.tokens_expire_at
    limit :batch_size
    for update skip locked
)

delete from authority.authorizations
using doomed
where
    authorizations.tenant_id = doomed.tenant_id
    and authorizations.id = doomed.id;
