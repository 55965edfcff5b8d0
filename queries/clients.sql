-- name: get_by_id(tenant_id, id)^
-- The client with this id, or no row.
-- @row Client
select
    clients.tenant_id,
    clients.id,
    clients.client_id,
    clients.application_type,
    clients.client_type,
    clients.consent_type,
    clients.display_name,
    clients.display_names,
    clients.redirect_uris,
    clients.post_logout_redirect_uris,
    clients.permissions,
    clients.requirements,
    clients.settings,
    clients.properties,
    clients.json_web_key_set,
    clients.enabled,
    clients.tokens_valid_after,
    clients.created_at,
    clients.updated_at,
    clients.row_version
from authority.clients
where
    clients.tenant_id = :tenant_id
    and clients.id = :id;

-- name: get_by_client_id(tenant_id, client_id)^
-- The client with this client_id, or no row.
-- @row Client
select
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.enabled, clients.tokens_valid_after,
    clients.created_at, clients.updated_at, clients.row_version
from authority.clients
where
    clients.tenant_id = :tenant_id
    and clients.client_id = :client_id;

-- name: list_after(tenant_id, after, page_size)
-- One client, in order of client_id, starting after the given one.
-- @row Client
select
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.enabled, clients.tokens_valid_after,
    clients.created_at, clients.updated_at, clients.row_version
from authority.clients
where
    clients.tenant_id = :tenant_id
    and (:after::text is null or clients.client_id > :after)
order by clients.client_id
limit :page_size;

-- name: list_before(tenant_id, before, page_size)
-- One client, in descending order of client_id, starting before the given one.
-- @row Client
select
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.enabled, clients.tokens_valid_after,
    clients.created_at, clients.updated_at, clients.row_version
from authority.clients
where
    clients.tenant_id = :tenant_id
    and clients.client_id < :before
order by clients.client_id desc
limit :page_size;

-- name: create(tenant_id, client_id, application_type, client_type, consent_type, display_name, display_names, redirect_uris, post_logout_redirect_uris, permissions, requirements, settings, properties, json_web_key_set, enabled)^
-- The new client.
-- @row Client
insert into authority.clients (
    tenant_id,
    client_id,
    application_type,
    client_type,
    consent_type,
    display_name,
    display_names,
    redirect_uris,
    post_logout_redirect_uris,
    permissions,
    requirements,
    settings,
    properties,
    json_web_key_set,
    enabled
)
values (
    :tenant_id,
    :client_id,
    :application_type,
    :client_type,
    :consent_type,
    :display_name,
    :display_names,
    :redirect_uris,
    :post_logout_redirect_uris,
    :permissions,
    :requirements,
    :settings,
    :properties,
    :json_web_key_set,
    :enabled
)
returning
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.enabled, clients.tokens_valid_after,
    clients.created_at, clients.updated_at, clients.row_version;

-- name: update(tenant_id, id, row_version, client_id, application_type, client_type, consent_type, display_name, display_names, redirect_uris, post_logout_redirect_uris, permissions, requirements, settings, properties, json_web_key_set, enabled)^
-- The changed client, or no row when the client is not at this version.
-- @row Client
update authority.clients
set
    client_id = :client_id,
    application_type = :application_type,
    client_type = :client_type,
    consent_type = :consent_type,
    display_name = :display_name,
    display_names = :display_names,
    redirect_uris = :redirect_uris,
    post_logout_redirect_uris = :post_logout_redirect_uris,
    permissions = :permissions,
    requirements = :requirements,
    settings = :settings,
    properties = :properties,
    json_web_key_set = :json_web_key_set,
    enabled = :enabled,
    updated_at = authority.clock(),
    row_version = clients.row_version + 1
where
    clients.tenant_id = :tenant_id
    and clients.id = :id
    and clients.row_version = :row_version
returning
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.enabled, clients.tokens_valid_after,
    clients.created_at, clients.updated_at, clients.row_version;

-- name: delete(tenant_id, id)!
-- Deletes the client with its secrets and everything issued to it.
delete from authority.clients
where
    clients.tenant_id = :tenant_id
    and clients.id = :id;

-- name: add_secret(tenant_id, id, secret_hash, description, valid_from, valid_until)^
-- The new secret, or no row when the tenant has no such confidential client. A
-- null valid_from means now.
-- @row ClientSecret
insert into authority.client_secrets (
    tenant_id,
    client_id,
    secret_hash,
    description,
    valid_from,
    valid_until
)
select
    clients.tenant_id,
    clients.id,
    :secret_hash,
    :description,
    coalesce(:valid_from, authority.clock()) as valid_from,
    :valid_until
from authority.clients
where
    clients.tenant_id = :tenant_id
    and clients.id = :id
    and clients.client_type = 'confidential'
returning
    client_secrets.tenant_id,
    client_secrets.id,
    client_secrets.client_id,
    client_secrets.secret_hash,
    client_secrets.description,
    client_secrets.valid_from,
    client_secrets.valid_until,
    client_secrets.last_used_at,
    client_secrets.created_at;

-- name: list_secrets(tenant_id, id)
-- One secret of the client, valid now or not, newest first.
-- @row ClientSecret
select
    client_secrets.tenant_id, client_secrets.id, client_secrets.client_id,
    client_secrets.secret_hash, client_secrets.description, client_secrets.valid_from,
    client_secrets.valid_until, client_secrets.last_used_at, client_secrets.created_at
from authority.client_secrets
where
    client_secrets.tenant_id = :tenant_id
    and client_secrets.client_id = :id
order by client_secrets.created_at desc, client_secrets.id asc;

-- name: list_live_secrets(tenant_id, client_id)
-- One secret that an enabled confidential client of an active tenant may
-- authenticate with now, newest first. The client is found by the client_id of the
-- protocol.
-- @row ClientSecret
select
    client_secrets.tenant_id, client_secrets.id, client_secrets.client_id,
    client_secrets.secret_hash, client_secrets.description, client_secrets.valid_from,
    client_secrets.valid_until, client_secrets.last_used_at, client_secrets.created_at
from authority.client_secrets
inner join authority.clients
    on
        client_secrets.tenant_id = clients.tenant_id
        and client_secrets.client_id = clients.id
inner join authority.active_tenants on clients.tenant_id = active_tenants.id
where
    clients.tenant_id = :tenant_id
    and clients.client_id = :client_id
    and clients.client_type = 'confidential'
    and clients.enabled
    and client_secrets.valid_from <= authority.clock()
    and (
        client_secrets.valid_until is null
        or client_secrets.valid_until > authority.clock()
    )
order by client_secrets.created_at desc, client_secrets.id asc;

-- name: record_secret_use(tenant_id, secret_id)!
-- Sets the time of the secret's last use, at most once a minute.
update authority.client_secrets
set last_used_at = authority.clock()
where
    client_secrets.tenant_id = :tenant_id
    and client_secrets.id = :secret_id
    and (
        client_secrets.last_used_at is null
        or client_secrets.last_used_at < authority.clock() - interval '1 minute'
    );

-- name: expire_secret(tenant_id, secret_id, remaining)^
-- The secret, which expires after the remaining time or at its own end, whichever
-- is sooner; or no row.
-- @row ClientSecret
-- @nullable valid_until
update authority.client_secrets
set
    valid_from = least(client_secrets.valid_from, authority.clock() + :remaining),
    valid_until = least(client_secrets.valid_until, authority.clock() + :remaining)
where
    client_secrets.tenant_id = :tenant_id
    and client_secrets.id = :secret_id
returning
    client_secrets.tenant_id, client_secrets.id, client_secrets.client_id,
    client_secrets.secret_hash, client_secrets.description, client_secrets.valid_from,
    client_secrets.valid_until, client_secrets.last_used_at, client_secrets.created_at;

-- name: delete_secret(tenant_id, secret_id)!
-- Deletes the secret.
delete from authority.client_secrets
where
    client_secrets.tenant_id = :tenant_id
    and client_secrets.id = :secret_id;

-- name: revoke_tokens(tenant_id, id)^
-- The client with tokens_valid_after set to now. Every grant that was made to it
-- before is dead, including the tokens that a concurrent rotation issues. The
-- statement changes one row, however many tokens there are.
-- @row Client
-- @nullable tokens_valid_after
update authority.clients
set
    tokens_valid_after = greatest(
        clients.tokens_valid_after, authority.clock()
    ),
    updated_at = authority.clock(),
    row_version = clients.row_version + 1
where
    clients.tenant_id = :tenant_id
    and clients.id = :id
returning
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.enabled, clients.tokens_valid_after,
    clients.created_at, clients.updated_at, clients.row_version;
