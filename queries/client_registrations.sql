-- name: save(tenant_id, client_uuid, source, metadata_fetched_at, software_id, software_version, software_statement, contacts, client_uri, logo_uri, policy_uri, tos_uri)^
-- The registration of the client, new or replaced, except for its token (RFC 7592
-- section 2.2).
-- @row ClientRegistration
insert into authority.client_registrations (
    tenant_id,
    client_uuid,
    source,
    metadata_fetched_at,
    software_id,
    software_version,
    software_statement,
    contacts,
    client_uri,
    logo_uri,
    policy_uri,
    tos_uri
)
values (
    :tenant_id,
    :client_uuid,
    :source,
    :metadata_fetched_at,
    :software_id,
    :software_version,
    :software_statement,
    :contacts,
    :client_uri,
    :logo_uri,
    :policy_uri,
    :tos_uri
)
on conflict (tenant_id, client_uuid) do update
    set
        source = excluded.source,
        metadata_fetched_at = excluded.metadata_fetched_at,
        software_id = excluded.software_id,
        software_version = excluded.software_version,
        software_statement = excluded.software_statement,
        contacts = excluded.contacts,
        client_uri = excluded.client_uri,
        logo_uri = excluded.logo_uri,
        policy_uri = excluded.policy_uri,
        tos_uri = excluded.tos_uri,
        updated_at = excluded.updated_at
returning
    client_registrations.tenant_id,
    client_registrations.client_uuid,
    client_registrations.source,
    client_registrations.metadata_fetched_at,
    client_registrations.software_id,
    client_registrations.software_version,
    client_registrations.software_statement,
    client_registrations.contacts,
    client_registrations.client_uri,
    client_registrations.logo_uri,
    client_registrations.policy_uri,
    client_registrations.tos_uri,
    client_registrations.created_at,
    client_registrations.updated_at;

-- name: get(tenant_id, client_uuid)^
-- The registration of the client, or no row.
-- @row ClientRegistration
select
    client_registrations.tenant_id, client_registrations.client_uuid,
    client_registrations.source, client_registrations.metadata_fetched_at,
    client_registrations.software_id, client_registrations.software_version,
    client_registrations.software_statement, client_registrations.contacts,
    client_registrations.client_uri, client_registrations.logo_uri,
    client_registrations.policy_uri, client_registrations.tos_uri,
    client_registrations.created_at, client_registrations.updated_at
from authority.client_registrations
where
    client_registrations.tenant_id = :tenant_id
    and client_registrations.client_uuid = :client_uuid;

-- name: set_token(tenant_id, client_uuid, registration_token_hash)!
-- Stores the hash of the registration access token of a client that was registered
-- dynamically. A null hash ends the client's access to its registration.
update authority.client_registrations
set
    registration_token_hash = :registration_token_hash,
    updated_at = authority.clock()
where
    client_registrations.tenant_id = :tenant_id
    and client_registrations.client_uuid = :client_uuid
    and client_registrations.source = 'dynamic';

-- name: find_client(tenant_id, client_id, registration_token_hash)^
-- The client whose registration access token this is, or no row: the token is another
-- client's or none, or the client or the tenant is not active (RFC 7592 section 2.1).
-- @row RegisteredClient
select
    clients.tenant_id,
    clients.id as client_uuid,
    clients.client_id,
    clients.row_version
from authority.client_registrations
inner join authority.clients
    on
        clients.tenant_id = :tenant_id
        and client_registrations.client_uuid = clients.id
inner join authority.active_tenants on clients.tenant_id = active_tenants.id
where
    client_registrations.tenant_id = :tenant_id
    and client_registrations.registration_token_hash = :registration_token_hash
    and clients.client_id = :client_id
    and clients.enabled;

-- name: rotate_token(tenant_id, client_id, registration_token_hash, new_token_hash)!
-- Replaces the registration access token that was presented. Of any number of racing
-- requests with it one replaces it.
update authority.client_registrations
set
    registration_token_hash = :new_token_hash,
    updated_at = authority.clock()
from authority.clients
inner join authority.active_tenants on clients.tenant_id = active_tenants.id
where
    client_registrations.tenant_id = :tenant_id
    and client_registrations.registration_token_hash = :registration_token_hash
    and clients.tenant_id = :tenant_id
    and clients.id = client_registrations.client_uuid
    and clients.client_id = :client_id
    and clients.enabled;

-- name: delete_client(tenant_id, client_id, registration_token_hash)!
-- Deletes the client that presents its registration access token, with everything
-- issued to it (RFC 7592 section 2.3).
delete from authority.clients
using authority.client_registrations, authority.active_tenants
where
    clients.tenant_id = :tenant_id
    and clients.client_id = :client_id
    and clients.enabled
    and client_registrations.tenant_id = :tenant_id
    and client_registrations.client_uuid = clients.id
    and client_registrations.registration_token_hash = :registration_token_hash
    and active_tenants.id = clients.tenant_id;
