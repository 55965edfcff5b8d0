"""Clients (relying parties)."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import clients as queries
from authority_queries.records import (
    Client,
    ClientApplicationType,
    ClientConsentType,
    ClientTokenEndpointAuthMethod,
    ClientType,
)
from authority_queries.repositories._async.pages import page
from authority_queries.repositories._async.repository import (
    AsyncRepository,
    shared_sub,
    stale,
)
from authority_queries.repositories.cursors import by_text
from authority_queries.repositories.values import Page

_ORDER: Final = by_text("clients.list", "client_id")


class AsyncClients(AsyncRepository):
    """Queries of `queries/clients.sql`.

    `client_uuid` is `Client.id`; `client_id` is the name of the protocol.
    """

    async def get_by_id(self, *, tenant_id: UUID, client_uuid: UUID) -> Client | None:
        """Get a client by `Client.id`."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, client_uuid=client_uuid
        )

    async def get_by_client_id(
        self, *, tenant_id: UUID, client_id: str
    ) -> Client | None:
        """Get a client by its name in the protocol (RFC 6749 section 2.2)."""
        return await queries.get_by_client_id_async(
            self._connection, tenant_id=tenant_id, client_id=client_id
        )

    async def list(
        self,
        *,
        tenant_id: UUID,
        after: str | None = None,
        before: str | None = None,
        page_size: int = 50,
    ) -> Page[Client]:
        """List clients in order of client_id."""
        return await page(
            partial(queries.list_after_async, self._connection, tenant_id=tenant_id),
            partial(queries.list_before_async, self._connection, tenant_id=tenant_id),
            _ORDER,
            after=after,
            before=before,
            page_size=page_size,
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        client_id: str,
        client_type: ClientType,
        application_type: ClientApplicationType = "web",
        consent_type: ClientConsentType = "explicit",
        display_name: str = "",
        display_names: JsonObject | None = None,
        redirect_uris: Sequence[str] = (),
        post_logout_redirect_uris: Sequence[str] = (),
        backchannel_logout_uri: str | None = None,
        backchannel_logout_session_required: bool = False,
        frontchannel_logout_uri: str | None = None,
        frontchannel_logout_session_required: bool = False,
        token_endpoint_auth_method: ClientTokenEndpointAuthMethod | None = None,
        grant_types: Sequence[str] | None = None,
        response_types: Sequence[str] | None = None,
        permissions: Sequence[str] = (),
        requirements: Sequence[str] = (),
        settings: JsonObject | None = None,
        properties: JsonObject | None = None,
        json_web_key_set: JsonObject | None = None,
        jwks_uri: str | None = None,
        metadata_valid_until: datetime | None = None,
        enabled: bool = True,
    ) -> Client:
        """Register a client, with the fields of an OpenIddict application.

        Without `grant_types` the client may use every grant that its type allows; RFC
        7591 defaults to `authorization_code`.
        Raises DuplicateError, InvalidValueError, MissingReferenceError for an unknown
        tenant.
        """
        client = await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            client_id=client_id,
            application_type=application_type,
            client_type=client_type,
            consent_type=consent_type,
            display_name=display_name,
            display_names={} if display_names is None else display_names,
            redirect_uris=redirect_uris,
            post_logout_redirect_uris=post_logout_redirect_uris,
            backchannel_logout_uri=backchannel_logout_uri,
            backchannel_logout_session_required=backchannel_logout_session_required,
            frontchannel_logout_uri=frontchannel_logout_uri,
            frontchannel_logout_session_required=frontchannel_logout_session_required,
            token_endpoint_auth_method=token_endpoint_auth_method,
            grant_types=grant_types,
            response_types=response_types,
            permissions=permissions,
            requirements=requirements,
            settings={} if settings is None else settings,
            properties={} if properties is None else properties,
            json_web_key_set=json_web_key_set,
            jwks_uri=jwks_uri,
            metadata_valid_until=metadata_valid_until,
            enabled=enabled,
        )
        if client is None:
            raise shared_sub("clients.create", "client_id")
        return client

    async def update(
        self,
        *,
        tenant_id: UUID,
        client_uuid: UUID,
        row_version: int,
        client_id: str,
        application_type: ClientApplicationType,
        client_type: ClientType,
        consent_type: ClientConsentType,
        display_name: str,
        display_names: JsonObject,
        redirect_uris: Sequence[str],
        post_logout_redirect_uris: Sequence[str],
        backchannel_logout_uri: str | None,
        backchannel_logout_session_required: bool,
        frontchannel_logout_uri: str | None,
        frontchannel_logout_session_required: bool,
        token_endpoint_auth_method: ClientTokenEndpointAuthMethod | None,
        grant_types: Sequence[str] | None,
        response_types: Sequence[str] | None,
        permissions: Sequence[str],
        requirements: Sequence[str],
        settings: JsonObject,
        properties: JsonObject,
        json_web_key_set: JsonObject | None,
        jwks_uri: str | None,
        metadata_valid_until: datetime | None,
        enabled: bool,
    ) -> Client:
        """Replace the editable fields of the client that was read at `row_version`.

        Raises NotFoundError, ConcurrencyConflictError, DuplicateError,
        InvalidValueError.
        """
        client = await queries.update_async(
            self._connection,
            tenant_id=tenant_id,
            client_uuid=client_uuid,
            row_version=row_version,
            client_id=client_id,
            application_type=application_type,
            client_type=client_type,
            consent_type=consent_type,
            display_name=display_name,
            display_names=display_names,
            redirect_uris=redirect_uris,
            post_logout_redirect_uris=post_logout_redirect_uris,
            backchannel_logout_uri=backchannel_logout_uri,
            backchannel_logout_session_required=backchannel_logout_session_required,
            frontchannel_logout_uri=frontchannel_logout_uri,
            frontchannel_logout_session_required=frontchannel_logout_session_required,
            token_endpoint_auth_method=token_endpoint_auth_method,
            grant_types=grant_types,
            response_types=response_types,
            permissions=permissions,
            requirements=requirements,
            settings=settings,
            properties=properties,
            json_web_key_set=json_web_key_set,
            jwks_uri=jwks_uri,
            metadata_valid_until=metadata_valid_until,
            enabled=enabled,
        )
        if client is None:
            current = await self.get_by_id(tenant_id=tenant_id, client_uuid=client_uuid)
            if current is not None and current.row_version == row_version:
                raise shared_sub("clients.update", "client_id")
            raise stale("client", row_version, current)
        return client

    async def delete(self, *, tenant_id: UUID, client_uuid: UUID) -> bool:
        """Delete a client with its secrets, consents and tokens.

        Returns False if there was none.
        """
        return bool(
            await queries.delete_async(
                self._connection, tenant_id=tenant_id, client_uuid=client_uuid
            )
        )

    async def revoke_tokens(
        self, *, tenant_id: UUID, client_uuid: UUID
    ) -> Client | None:
        """End every grant to the client so far, by moving the client's epoch: one row.

        Grants of its users to other clients stay. Returns None for an unknown client.
        """
        return await queries.revoke_tokens_async(
            self._connection, tenant_id=tenant_id, client_uuid=client_uuid
        )
