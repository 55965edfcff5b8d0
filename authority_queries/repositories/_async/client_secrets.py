"""Secrets of confidential clients."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from authority_queries.errors import MissingReferenceError
from authority_queries.queries import client_secrets as queries
from authority_queries.records import ClientSecret
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_client_secret_hash


class AsyncClientSecrets(AsyncRepository):
    """Queries of `queries/client_secrets.sql`.

    `client_uuid` is `Client.id`; `client_id` is the name of the protocol.
    """

    async def add(
        self,
        *,
        tenant_id: UUID,
        client_uuid: UUID,
        secret_hash: str,
        description: str = "",
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
    ) -> ClientSecret:
        """Add a secret beside the live ones, as the first step of a rotation.

        `secret_hash` comes from `hash_client_secret`. `valid_from` None means now;
        `valid_until` None means no end. Raises MissingReferenceError for an unknown or
        public client, InvalidValueError.
        """
        secret = await queries.add_async(
            self._connection,
            tenant_id=tenant_id,
            client_uuid=client_uuid,
            secret_hash=check_client_secret_hash("secret_hash", secret_hash),
            description=description,
            valid_from=valid_from,
            valid_until=valid_until,
        )
        if secret is None:
            message = "client_secrets.add: no such confidential client in the tenant"
            raise MissingReferenceError(message)
        return secret

    async def list_by_client(
        self, *, tenant_id: UUID, client_uuid: UUID
    ) -> Sequence[ClientSecret]:
        """List the client's secrets, live or not, newest first."""
        return await queries.list_by_client_async(
            self._connection, tenant_id=tenant_id, client_uuid=client_uuid
        )

    async def list_live(
        self, *, tenant_id: UUID, client_id: str
    ) -> Sequence[ClientSecret]:
        """List the secrets that authenticate the client now, newest first.

        Empty for an unknown or disabled client and for a tenant that is not active.
        """
        return await queries.list_live_async(
            self._connection, tenant_id=tenant_id, client_id=client_id
        )

    async def record_use(self, *, tenant_id: UUID, secret_id: UUID) -> bool:
        """Record a use of a secret. False if the last minute has one already."""
        return bool(
            await queries.record_use_async(
                self._connection, tenant_id=tenant_id, secret_id=secret_id
            )
        )

    async def expire(
        self,
        *,
        tenant_id: UUID,
        secret_id: UUID,
        lifetime: timedelta = timedelta(0),
    ) -> ClientSecret | None:
        """Let a secret end after `lifetime`, or at its own end if that is earlier.

        Returns None for an unknown secret.
        """
        return await queries.expire_async(
            self._connection,
            tenant_id=tenant_id,
            secret_id=secret_id,
            lifetime=lifetime,
        )

    async def delete(self, *, tenant_id: UUID, secret_id: UUID) -> bool:
        """Delete a secret. False if there was none."""
        return bool(
            await queries.delete_async(
                self._connection, tenant_id=tenant_id, secret_id=secret_id
            )
        )
