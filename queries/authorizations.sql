-- name: get_by_id(tenant_id, authorization_id)^
-- The authorization with this id, revoked or not, or no row.
-- @row Authorization
select
    authorizations.tenant_id,
    authorizations.id,
    authorizations.client_id,
    authorizations.user_id,
    authorizations.service_account_id,
    authorizations.consent_id,
    authorizations.scopes,
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

-- name: list_by_user(tenant_id, user_id)
-- One authorization of the user that is in force, in order of id: neither it nor its
-- consent is revoked, it has not ended, and not all its tokens expired a day ago.
-- @row Authorization
-- @nullable user_id
select
    authorizations.tenant_id, authorizations.id, authorizations.client_id,
    authorizations.user_id, authorizations.service_account_id,
    authorizations.consent_id, authorizations.scopes, authorizations.properties,
    authorizations.expires_at, authorizations.tokens_expire_at,
    authorizations.revoked_at, authorizations.revocation_reason,
    authorizations.created_at, authorizations.updated_at, authorizations.row_version
from authority.authorizations
where
    authorizations.tenant_id = :tenant_id
    and authorizations.user_id = :user_id
    and authorizations.revoked_at is null
    and authorizations.tokens_expire_at > authority.clock()
    and (
        authorizations.expires_at is null
        or authorizations.expires_at > authority.clock()
    )
    and not exists (
        select from authority.consents
        where
            consents.tenant_id = :tenant_id
            and consents.id = authorizations.consent_id
            and consents.revoked_at is not null
    )
order by authorizations.id;

-- name: list_by_client(tenant_id, client_id, after, page_size)
-- One authorization of the client that is in force, as of the user, in order of id,
-- from the first one after the given id.
-- @row Authorization
select
    authorizations.tenant_id, authorizations.id, authorizations.client_id,
    authorizations.user_id, authorizations.service_account_id,
    authorizations.consent_id, authorizations.scopes, authorizations.properties,
    authorizations.expires_at, authorizations.tokens_expire_at,
    authorizations.revoked_at, authorizations.revocation_reason,
    authorizations.created_at, authorizations.updated_at, authorizations.row_version
from authority.authorizations
where
    authorizations.tenant_id = :tenant_id
    and authorizations.client_id = :client_id
    and authorizations.revoked_at is null
    and authorizations.tokens_expire_at > authority.clock()
    and (
        authorizations.expires_at is null
        or authorizations.expires_at > authority.clock()
    )
    and not exists (
        select from authority.consents
        where
            consents.tenant_id = :tenant_id
            and consents.id = authorizations.consent_id
            and consents.revoked_at is not null
    )
    and (:after::uuid is null or authorizations.id > :after)
order by authorizations.id
limit :page_size;

-- name: create(tenant_id, client_id, user_id, service_account_id, consent_id, scopes, properties, lifetime)^
-- The new authorization, or no row when the tenant is not active. A lifetime that is
-- null never ends it.
-- @row Authorization
-- @param lifetime nullable
insert into authority.authorizations (
    tenant_id,
    client_id,
    user_id,
    service_account_id,
    consent_id,
    scopes,
    properties,
    expires_at
)
select
    tenants.id,
    :client_id,
    :user_id,
    :service_account_id,
    :consent_id,
    :scopes,
    :properties,
    authority.clock() + :lifetime as expires_at
from authority.tenants
where
    tenants.id = :tenant_id
    and tenants.status in ('active', 'trial')
returning
    authorizations.tenant_id, authorizations.id, authorizations.client_id,
    authorizations.user_id, authorizations.service_account_id,
    authorizations.consent_id, authorizations.scopes, authorizations.properties,
    authorizations.expires_at, authorizations.tokens_expire_at,
    authorizations.revoked_at, authorizations.revocation_reason,
    authorizations.created_at, authorizations.updated_at, authorizations.row_version;

-- name: revoke(tenant_id, authorization_id, reason)!
-- Ends the authorization and, with it, every token under it (RFC 7009 section 2.1).
-- A second call changes nothing.
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
-- Deletes families, of all tenants, whose last token expired longer ago than this, with
-- all their tokens: till then reuse can be seen (RFC 9700 section 4.14.2). The row is
-- judged as it is once it is locked: one that a redemption prolongs meanwhile stays.
-- @plan cross_tenant -- Prunes for all tenants at once.
-- @plan seq_scan authority.authorizations -- Planned without its value, batch_size
--   is taken for a tenth of the rows. With it each row is looked up by primary key.
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
