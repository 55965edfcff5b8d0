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
        requirements=metadata.requirements,
        metadata_valid_until=valid_until,
        **metadata.client,
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

    A client cannot remove a requirement, because an operator may have set it. Raises
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
        display_names=client.display_names,
        requirements=sorted({*client.requirements, *metadata.requirements}),
        settings=client.settings,
        properties=client.properties,
        metadata_valid_until=valid_until,
        enabled=client.enabled,
        **metadata.client,
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
        **metadata.registration,
    )
