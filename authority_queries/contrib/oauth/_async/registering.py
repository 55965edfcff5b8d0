"""Writes the metadata of a client."""

from datetime import datetime
from uuid import UUID

from authority_queries.contrib.oauth.answers import ProtocolError
from authority_queries.contrib.oauth.registrations import Metadata
from authority_queries.records import Client, ClientRegistrationSource
from authority_queries.repositories._async.store import AsyncStore


async def create_client(
    store: AsyncStore,
    tenant_id: UUID,
    client_id: str,
    metadata: Metadata,
    *,
    source: ClientRegistrationSource,
    fetched_at: datetime | None = None,
    valid_until: datetime | None = None,
) -> Client:
    """Create a client and its registration. Raises DuplicateError."""
    client = await store.clients.create(
        tenant_id=tenant_id,
        client_id=client_id,
        client_type=metadata.client_type,
        application_type=metadata.application_type,
        display_name=metadata.client_name,
        redirect_uris=metadata.redirect_uris,
        post_logout_redirect_uris=metadata.post_logout_redirect_uris,
        backchannel_logout_uri=metadata.backchannel_logout_uri,
        backchannel_logout_session_required=metadata.backchannel_session_required,
        frontchannel_logout_uri=metadata.frontchannel_logout_uri,
        frontchannel_logout_session_required=metadata.frontchannel_session_required,
        token_endpoint_auth_method=metadata.method,
        grant_types=metadata.grant_types,
        response_types=metadata.response_types,
        permissions=metadata.permissions,
        requirements=metadata.requirements,
        json_web_key_set=metadata.jwks,
        jwks_uri=metadata.jwks_uri,
        metadata_valid_until=valid_until,
    )
    await _save(store, client, metadata, source, fetched_at)
    return client


async def replace_client(
    store: AsyncStore,
    client: Client,
    metadata: Metadata,
    *,
    source: ClientRegistrationSource,
    fetched_at: datetime | None = None,
    valid_until: datetime | None = None,
) -> Client:
    """Replace the metadata of a client (RFC 7592 section 2.2).

    A client cannot give up a requirement, which may be an operator's. Raises
    ProtocolError, ConcurrencyConflictError.
    """
    if metadata.client_type != client.client_type:
        message = "token_endpoint_auth_method cannot change the client's type"
        raise ProtocolError("invalid_client_metadata", message)
    replaced = await store.clients.update(
        tenant_id=client.tenant_id,
        client_uuid=client.id,
        row_version=client.row_version,
        client_id=client.client_id,
        client_type=client.client_type,
        consent_type=client.consent_type,
        application_type=metadata.application_type,
        display_name=metadata.client_name,
        display_names=client.display_names,
        redirect_uris=metadata.redirect_uris,
        post_logout_redirect_uris=metadata.post_logout_redirect_uris,
        backchannel_logout_uri=metadata.backchannel_logout_uri,
        backchannel_logout_session_required=metadata.backchannel_session_required,
        frontchannel_logout_uri=metadata.frontchannel_logout_uri,
        frontchannel_logout_session_required=metadata.frontchannel_session_required,
        token_endpoint_auth_method=metadata.method,
        grant_types=metadata.grant_types,
        response_types=metadata.response_types,
        permissions=metadata.permissions,
        requirements=sorted({*client.requirements, *metadata.requirements}),
        settings=client.settings,
        properties=client.properties,
        json_web_key_set=metadata.jwks,
        jwks_uri=metadata.jwks_uri,
        metadata_valid_until=valid_until,
        enabled=client.enabled,
    )
    await _save(store, client, metadata, source, fetched_at)
    return replaced


async def _save(
    store: AsyncStore,
    client: Client,
    metadata: Metadata,
    source: ClientRegistrationSource,
    fetched_at: datetime | None,
) -> None:
    await store.client_registrations.save(
        tenant_id=client.tenant_id,
        client_uuid=client.id,
        source=source,
        metadata_fetched_at=fetched_at,
        software_id=metadata.software_id,
        software_version=metadata.software_version,
        contacts=metadata.contacts,
        client_uri=metadata.client_uri,
        logo_uri=metadata.logo_uri,
        policy_uri=metadata.policy_uri,
        tos_uri=metadata.tos_uri,
    )
