-- name: get_by_id(tenant_id, authorization_id)^
-- The authorization with this id, revoked or not, or no row.
-- @row Authorization
select
    authorizations.tenant_id,
    authorizations.id,
    authorizations.client_id,
    authorizations.user_id,
    authorizations.service_account_id,
    authorizations.type,
    authorizations.scopes,
    authorizations.properties,
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
-- One authorization of the user that is in force, in order of id.
-- @row Authorization
-- @nullable user_id
select
    authorizations.tenant_id,
    authorizations.id,
    authorizations.client_id,
    authorizations.user_id,
    authorizations.service_account_id,
    authorizations.type,
    authorizations.scopes,
    authorizations.properties,
    authorizations.revoked_at,
    authorizations.revocation_reason,
    authorizations.created_at,
    authorizations.updated_at,
    authorizations.row_version
from authority.authorizations
where
    authorizations.tenant_id = :tenant_id
    and authorizations.user_id = :user_id
    and authorizations.revoked_at is null
order by authorizations.id;

-- name: list_by_client(tenant_id, client_id, after, page_size)
-- One authorization of the client that is in force, in order of id, from the first
-- one after the given id.
select
    authorizations.tenant_id,
    authorizations.id,
    authorizations.client_id,
    authorizations.user_id,
    authorizations.service_account_id,
    authorizations.type,
    authorizations.scopes,
    authorizations.properties,
    authorizations.revoked_at,
    authorizations.revocation_reason,
    authorizations.created_at,
    authorizations.updated_at,
    authorizations.row_version
from authority.authorizations
where
    authorizations.tenant_id = :tenant_id
    and authorizations.client_id = :client_id
    and authorizations.revoked_at is null
    and (:after::uuid is null or authorizations.id > :after)
order by authorizations.id
limit :page_size;

-- name: create(tenant_id, client_id, user_id, service_account_id, type, scopes, properties)^
-- The new authorization, or no row when the tenant is not active.
insert into authority.authorizations (
    tenant_id,
    client_id,
    user_id,
    service_account_id,
    type,
    scopes,
    properties
)
select
    tenants.id,
    :client_id,
    :user_id,
    :service_account_id,
    :type,
    :scopes,
    :properties
from authority.tenants
where
    tenants.id = :tenant_id
    and tenants.status in ('active', 'trial')
returning
    authorizations.tenant_id,
    authorizations.id,
    authorizations.client_id,
    authorizations.user_id,
    authorizations.service_account_id,
    authorizations.type,
    authorizations.scopes,
    authorizations.properties,
    authorizations.revoked_at,
    authorizations.revocation_reason,
    authorizations.created_at,
    authorizations.updated_at,
    authorizations.row_version;

-- name: revoke(tenant_id, authorization_id, reason)!
-- Ends the authorization and, with it, every token under it. Again changes nothing.
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

-- name: prune(older_than, batch_size)!
-- Deletes ad_hoc authorizations, of all tenants, that no token needs any more.
-- @plan cross_tenant authority.authorizations -- Prunes for all tenants at once.
-- @role authority_maintenance
delete from authority.authorizations
using (
    select
        candidates.tenant_id,
        candidates.id
    from authority.authorizations as candidates
    where
        candidates.type = 'ad_hoc'
        and candidates.created_at < authority.clock() - :older_than::interval
        and not exists (
            select from authority.tokens
            where
                tokens.tenant_id = candidates.tenant_id
                and tokens.authorization_id = candidates.id
        )
    order by candidates.created_at
    limit :batch_size
    for update skip locked
) as doomed
where
    authorizations.tenant_id = doomed.tenant_id
    and authorizations.id = doomed.id;
