"""Registrations of clients: where they came from, and the token that manages them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from authority_queries.queries import client_registrations as queries
from authority_queries.records import (
    ClientRegistration,
    ClientRegistrationSource,
    RegisteredClient,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_digest


class AsyncClientRegistrations(AsyncRepository):
    """Queries of `queries/client_registrations.sql`.

    A `registration_token_hash` is the hash of `mint_token("registration", tenant_id)`.
    """

    async def save(
        self,
        *,
        tenant_id: UUID,
        client_uuid: UUID,
        source: ClientRegistrationSource,
        metadata_fetched_at: datetime | None = None,
        software_id: str | None = None,
        software_version: str | None = None,
        software_statement: str | None = None,
        contacts: Sequence[str] = (),
        client_uri: str | None = None,
        logo_uri: str | None = None,
        policy_uri: str | None = None,
        tos_uri: str | None = None,
    ) -> ClientRegistration:
        """Store the registration, or replace it except for its token.

        Call this in the unit that creates or updates the client, after it. A
        `metadata_document` requires `metadata_fetched_at`. Raises
        MissingReferenceError, InvalidValueError.
        """
        return await queries.save_async(
            self._connection,
            tenant_id=tenant_id,
            client_uuid=client_uuid,
            source=source,
            metadata_fetched_at=metadata_fetched_at,
            software_id=software_id,
            software_version=software_version,
            software_statement=software_statement,
            contacts=contacts,
            client_uri=client_uri,
            logo_uri=logo_uri,
            policy_uri=policy_uri,
            tos_uri=tos_uri,
        )

    async def get(
        self, *, tenant_id: UUID, client_uuid: UUID
    ) -> ClientRegistration | None:
        """Get the registration of a client."""
        return await queries.get_async(
            self._connection, tenant_id=tenant_id, client_uuid=client_uuid
        )

    async def set_token(
        self,
        *,
        tenant_id: UUID,
        client_uuid: UUID,
        registration_token_hash: bytes | None,
    ) -> bool:
        """Store the registration access token's hash. None ends the client's access.

        Returns False for a client that was not registered dynamically.
        """
        return bool(
            await queries.set_token_async(
                self._connection,
                tenant_id=tenant_id,
                client_uuid=client_uuid,
                registration_token_hash=registration_token_hash,
            )
        )

    async def find_client(
        self, *, tenant_id: UUID, client_id: str, registration_token_hash: bytes
    ) -> RegisteredClient | None:
        """Find the client that presents its registration access token (RFC 7592).

        Update it with `clients.update` and its `row_version`. Answer 401 if the result
        is None, whatever the reason.
        """
        return await queries.find_client_async(
            self._connection,
            tenant_id=tenant_id,
            client_id=client_id,
            registration_token_hash=check_digest(
                "registration_token_hash", registration_token_hash
            ),
        )

    async def rotate_token(
        self,
        *,
        tenant_id: UUID,
        client_id: str,
        registration_token_hash: bytes,
        new_token_hash: bytes,
    ) -> bool:
        """Replace the token that was presented. False if it is not the current one."""
        return bool(
            await queries.rotate_token_async(
                self._connection,
                tenant_id=tenant_id,
                client_id=client_id,
                registration_token_hash=check_digest(
                    "registration_token_hash", registration_token_hash
                ),
                new_token_hash=new_token_hash,
            )
        )

    async def delete_client(
        self, *, tenant_id: UUID, client_id: str, registration_token_hash: bytes
    ) -> bool:
        """Delete the client that presents its token, with everything issued to it.

        Returns False if the token is not the client's (RFC 7592 section 2.3).
        """
        return bool(
            await queries.delete_client_async(
                self._connection,
                tenant_id=tenant_id,
                client_id=client_id,
                registration_token_hash=check_digest(
                    "registration_token_hash", registration_token_hash
                ),
            )
        )
