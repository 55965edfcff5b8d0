-- name: get_by_id(tenant_id, service_account_id)^
-- The service account with this id, or no row.
-- @row ServiceAccount
select
    service_accounts.tenant_id,
    service_accounts.id,
    service_accounts.account_id,
    service_accounts.display_name,
    service_accounts.description,
    service_accounts.enabled,
    service_accounts.tokens_valid_after,
    service_accounts.allowed_scopes,
    service_accounts.allowed_resources,
    service_accounts.authorized_client_uuids,
    service_accounts.attributes,
    service_accounts.created_at,
    service_accounts.updated_at,
    service_accounts.row_version
from authority.service_accounts
where
    service_accounts.tenant_id = :tenant_id
    and service_accounts.id = :service_account_id;

-- name: get_by_account_id(tenant_id, account_id)^
-- The service account with this account id, or no row.
-- @row ServiceAccount
select
    service_accounts.tenant_id, service_accounts.id, service_accounts.account_id,
    service_accounts.display_name, service_accounts.description,
    service_accounts.enabled, service_accounts.tokens_valid_after,
    service_accounts.allowed_scopes, service_accounts.allowed_resources,
    service_accounts.authorized_client_uuids, service_accounts.attributes,
    service_accounts.created_at, service_accounts.updated_at,
    service_accounts.row_version
from authority.service_accounts
where
    service_accounts.tenant_id = :tenant_id
    and service_accounts.account_id = :account_id;

-- name: list_after(tenant_id, after, page_size)
-- One service account, in order of account id, starting after the given one.
-- @row ServiceAccount
select
    service_accounts.tenant_id, service_accounts.id, service_accounts.account_id,
    service_accounts.display_name, service_accounts.description,
    service_accounts.enabled, service_accounts.tokens_valid_after,
    service_accounts.allowed_scopes, service_accounts.allowed_resources,
    service_accounts.authorized_client_uuids, service_accounts.attributes,
    service_accounts.created_at, service_accounts.updated_at,
    service_accounts.row_version
from authority.service_accounts
where
    service_accounts.tenant_id = :tenant_id
    and service_accounts.account_id > :after
order by service_accounts.account_id
limit :page_size;

-- name: list_before(tenant_id, before, page_size)
-- One service account, in descending order of account id, starting before the
-- given one.
-- @row ServiceAccount
select
    service_accounts.tenant_id, service_accounts.id, service_accounts.account_id,
    service_accounts.display_name, service_accounts.description,
    service_accounts.enabled, service_accounts.tokens_valid_after,
    service_accounts.allowed_scopes, service_accounts.allowed_resources,
    service_accounts.authorized_client_uuids, service_accounts.attributes,
    service_accounts.created_at, service_accounts.updated_at,
    service_accounts.row_version
from authority.service_accounts
where
    service_accounts.tenant_id = :tenant_id
    and service_accounts.account_id < :before
order by service_accounts.account_id desc
limit :page_size;

-- name: create(tenant_id, account_id, display_name, description, enabled, allowed_scopes, allowed_resources, authorized_client_uuids, attributes)^
-- The new service account, or no row when the account_id is a user's sub (RFC 9068
-- section 5).
-- @row ServiceAccount
insert into authority.service_accounts (
    tenant_id,
    account_id,
    display_name,
    description,
    enabled,
    allowed_scopes,
    allowed_resources,
    authorized_client_uuids,
    attributes
)
select
    :tenant_id,
    :account_id,
    :display_name,
    :description,
    :enabled,
    :allowed_scopes,
    :allowed_resources,
    :authorized_client_uuids,
    :attributes
where
    not exists (
        select from authority.users
        where
            users.tenant_id = :tenant_id
            and users.subject_id = :account_id
    )
returning
    service_accounts.tenant_id, service_accounts.id, service_accounts.account_id,
    service_accounts.display_name, service_accounts.description,
    service_accounts.enabled, service_accounts.tokens_valid_after,
    service_accounts.allowed_scopes, service_accounts.allowed_resources,
    service_accounts.authorized_client_uuids, service_accounts.attributes,
    service_accounts.created_at, service_accounts.updated_at,
    service_accounts.row_version;

-- name: update(tenant_id, service_account_id, row_version, account_id, display_name, description, enabled, allowed_scopes, allowed_resources, authorized_client_uuids, attributes)^
-- The changed service account, or no row when the account is not at this version, or
-- the account_id is a user's sub.
-- @row ServiceAccount
update authority.service_accounts
set
    account_id = :account_id,
    display_name = :display_name,
    description = :description,
    enabled = :enabled,
    allowed_scopes = :allowed_scopes,
    allowed_resources = :allowed_resources,
    authorized_client_uuids = :authorized_client_uuids,
    attributes = :attributes,
    updated_at = authority.clock(),
    row_version = service_accounts.row_version + 1
where
    service_accounts.tenant_id = :tenant_id
    and service_accounts.id = :service_account_id
    and service_accounts.row_version = :row_version
    and not exists (
        select from authority.users
        where
            users.tenant_id = :tenant_id
            and users.subject_id = :account_id
    )
returning
    service_accounts.tenant_id, service_accounts.id, service_accounts.account_id,
    service_accounts.display_name, service_accounts.description,
    service_accounts.enabled, service_accounts.tokens_valid_after,
    service_accounts.allowed_scopes, service_accounts.allowed_resources,
    service_accounts.authorized_client_uuids, service_accounts.attributes,
    service_accounts.created_at, service_accounts.updated_at,
    service_accounts.row_version;

-- name: delete(tenant_id, service_account_id)!
-- Deletes the service account with everything issued to it.
delete from authority.service_accounts
where
    service_accounts.tenant_id = :tenant_id
    and service_accounts.id = :service_account_id;

-- name: revoke_tokens(tenant_id, service_account_id)^
-- The service account with tokens_valid_after set to now. Every token that was
-- issued for it before is dead. The statement changes one row, however many tokens
-- there are.
-- @row ServiceAccount
-- @nullable tokens_valid_after
update authority.service_accounts
set
    tokens_valid_after = greatest(
        service_accounts.tokens_valid_after, authority.clock()
    ),
    updated_at = authority.clock(),
    row_version = service_accounts.row_version + 1
where
    service_accounts.tenant_id = :tenant_id
    and service_accounts.id = :service_account_id
returning
    service_accounts.tenant_id, service_accounts.id, service_accounts.account_id,
    service_accounts.display_name, service_accounts.description,
    service_accounts.enabled, service_accounts.tokens_valid_after,
    service_accounts.allowed_scopes, service_accounts.allowed_resources,
    service_accounts.authorized_client_uuids, service_accounts.attributes,
    service_accounts.created_at, service_accounts.updated_at,
    service_accounts.row_version;
