-- name: get_by_id(tenant_id, client_uuid)^
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
    clients.backchannel_logout_uri,
    clients.backchannel_logout_session_required,
    clients.frontchannel_logout_uri,
    clients.frontchannel_logout_session_required,
    clients.token_endpoint_auth_method,
    clients.grant_types,
    clients.response_types,
    clients.permissions,
    clients.requirements,
    clients.settings,
    clients.properties,
    clients.json_web_key_set,
    clients.jwks_uri,
    clients.metadata_valid_until,
    clients.enabled,
    clients.tokens_valid_after,
    clients.created_at,
    clients.updated_at,
    clients.row_version
from authority.clients
where
    clients.tenant_id = :tenant_id
    and clients.id = :client_uuid;

-- name: get_by_client_id(tenant_id, client_id)^
-- The client with this client_id, or no row.
-- @row Client
select
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.backchannel_logout_uri, clients.backchannel_logout_session_required,
    clients.frontchannel_logout_uri, clients.frontchannel_logout_session_required,
    clients.token_endpoint_auth_method, clients.grant_types, clients.response_types,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.jwks_uri, clients.metadata_valid_until,
    clients.enabled, clients.tokens_valid_after, clients.created_at, clients.updated_at,
    clients.row_version
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
    clients.backchannel_logout_uri, clients.backchannel_logout_session_required,
    clients.frontchannel_logout_uri, clients.frontchannel_logout_session_required,
    clients.token_endpoint_auth_method, clients.grant_types, clients.response_types,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.jwks_uri, clients.metadata_valid_until,
    clients.enabled, clients.tokens_valid_after, clients.created_at, clients.updated_at,
    clients.row_version
from authority.clients
where
    clients.tenant_id = :tenant_id
    and clients.client_id > :after
order by clients.client_id
limit :page_size;

-- name: list_before(tenant_id, before, page_size)
-- One client, in descending order of client_id, starting before the given one.
-- @row Client
select
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.backchannel_logout_uri, clients.backchannel_logout_session_required,
    clients.frontchannel_logout_uri, clients.frontchannel_logout_session_required,
    clients.token_endpoint_auth_method, clients.grant_types, clients.response_types,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.jwks_uri, clients.metadata_valid_until,
    clients.enabled, clients.tokens_valid_after, clients.created_at, clients.updated_at,
    clients.row_version
from authority.clients
where
    clients.tenant_id = :tenant_id
    and clients.client_id < :before
order by clients.client_id desc
limit :page_size;

-- name: create(tenant_id, client_id, application_type, client_type, consent_type, display_name, display_names, redirect_uris, post_logout_redirect_uris, backchannel_logout_uri, backchannel_logout_session_required, frontchannel_logout_uri, frontchannel_logout_session_required, token_endpoint_auth_method, grant_types, response_types, permissions, requirements, settings, properties, json_web_key_set, jwks_uri, metadata_valid_until, enabled)^
-- The new client, or no row when the client_id is a user's sub (RFC 9068 section 5).
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
    backchannel_logout_uri,
    backchannel_logout_session_required,
    frontchannel_logout_uri,
    frontchannel_logout_session_required,
    token_endpoint_auth_method,
    grant_types,
    response_types,
    permissions,
    requirements,
    settings,
    properties,
    json_web_key_set,
    jwks_uri,
    metadata_valid_until,
    enabled
)
select
    :tenant_id,
    :client_id,
    :application_type,
    :client_type,
    :consent_type,
    :display_name,
    :display_names,
    :redirect_uris,
    :post_logout_redirect_uris,
    :backchannel_logout_uri,
    :backchannel_logout_session_required,
    :frontchannel_logout_uri,
    :frontchannel_logout_session_required,
    :token_endpoint_auth_method,
    :grant_types,
    :response_types,
    :permissions,
    :requirements,
    :settings,
    :properties,
    :json_web_key_set,
    :jwks_uri,
    :metadata_valid_until,
    :enabled
where
    not exists (
        select from authority.users
        where
            users.tenant_id = :tenant_id
            and users.subject_id = :client_id
    )
returning
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.backchannel_logout_uri, clients.backchannel_logout_session_required,
    clients.frontchannel_logout_uri, clients.frontchannel_logout_session_required,
    clients.token_endpoint_auth_method, clients.grant_types, clients.response_types,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.jwks_uri, clients.metadata_valid_until,
    clients.enabled, clients.tokens_valid_after, clients.created_at, clients.updated_at,
    clients.row_version;

-- name: update(tenant_id, client_uuid, row_version, client_id, application_type, client_type, consent_type, display_name, display_names, redirect_uris, post_logout_redirect_uris, backchannel_logout_uri, backchannel_logout_session_required, frontchannel_logout_uri, frontchannel_logout_session_required, token_endpoint_auth_method, grant_types, response_types, permissions, requirements, settings, properties, json_web_key_set, jwks_uri, metadata_valid_until, enabled)^
-- The changed client, or no row when the client is not at this version, or the
-- client_id is a user's sub.
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
    backchannel_logout_uri = :backchannel_logout_uri,
    backchannel_logout_session_required = :backchannel_logout_session_required,
    frontchannel_logout_uri = :frontchannel_logout_uri,
    frontchannel_logout_session_required = :frontchannel_logout_session_required,
    token_endpoint_auth_method = :token_endpoint_auth_method,
    grant_types = :grant_types,
    response_types = :response_types,
    permissions = :permissions,
    requirements = :requirements,
    settings = :settings,
    properties = :properties,
    json_web_key_set = :json_web_key_set,
    jwks_uri = :jwks_uri,
    metadata_valid_until = :metadata_valid_until,
    enabled = :enabled,
    updated_at = authority.clock(),
    row_version = clients.row_version + 1
where
    clients.tenant_id = :tenant_id
    and clients.id = :client_uuid
    and clients.row_version = :row_version
    and not exists (
        select from authority.users
        where
            users.tenant_id = :tenant_id
            and users.subject_id = :client_id
    )
returning
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.backchannel_logout_uri, clients.backchannel_logout_session_required,
    clients.frontchannel_logout_uri, clients.frontchannel_logout_session_required,
    clients.token_endpoint_auth_method, clients.grant_types, clients.response_types,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.jwks_uri, clients.metadata_valid_until,
    clients.enabled, clients.tokens_valid_after, clients.created_at, clients.updated_at,
    clients.row_version;

-- name: delete(tenant_id, client_uuid)!
-- Deletes the client with its secrets and everything issued to it.
delete from authority.clients
where
    clients.tenant_id = :tenant_id
    and clients.id = :client_uuid;

-- name: revoke_tokens(tenant_id, client_uuid)^
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
    and clients.id = :client_uuid
returning
    clients.tenant_id, clients.id, clients.client_id, clients.application_type,
    clients.client_type, clients.consent_type, clients.display_name,
    clients.display_names, clients.redirect_uris, clients.post_logout_redirect_uris,
    clients.backchannel_logout_uri, clients.backchannel_logout_session_required,
    clients.frontchannel_logout_uri, clients.frontchannel_logout_session_required,
    clients.token_endpoint_auth_method, clients.grant_types, clients.response_types,
    clients.permissions, clients.requirements, clients.settings, clients.properties,
    clients.json_web_key_set, clients.jwks_uri, clients.metadata_valid_until,
    clients.enabled, clients.tokens_valid_after, clients.created_at, clients.updated_at,
    clients.row_version;
