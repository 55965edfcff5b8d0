"""Clients (relying parties) and their secrets."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import MissingReferenceError
from authority_queries.queries import clients as queries
from authority_queries.records import (
    Client,
    ClientApplicationType,
    ClientConsentType,
    ClientSecret,
    ClientType,
)
from authority_queries.repositories._async.repository import (
    AsyncRepository,
    page,
    stale,
)
from authority_queries.repositories.arguments import check_client_secret_hash
from authority_queries.repositories.values import (
    Page,
)


class AsyncClients(AsyncRepository):
    """Queries of `queries/clients.sql`.

    `id` is the key inside the store, `client_id` the name in the protocol.
    """

    async def get_by_id(self, *, tenant_id: UUID, id: UUID) -> Client | None:
        """Get a client by its key inside the store."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, id=id
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
        limit: int = 50,
    ) -> Page[Client]:
        """List clients in order of client_id."""
        return await page(
            partial(queries.list_after_async, self._connection, tenant_id=tenant_id),
            partial(queries.list_before_async, self._connection, tenant_id=tenant_id),
            "client_id",
            after=after,
            before=before,
            limit=limit,
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
        permissions: Sequence[str] = (),
        requirements: Sequence[str] = (),
        settings: JsonObject | None = None,
        properties: JsonObject | None = None,
        json_web_key_set: JsonObject | None = None,
        enabled: bool = True,
    ) -> Client:
        """Register a client, with the fields of an OpenIddict application.

        Raises DuplicateError, InvalidValueError, MissingReferenceError for an unknown
        tenant.
        """
        return await queries.create_async(
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
            permissions=permissions,
            requirements=requirements,
            settings={} if settings is None else settings,
            properties={} if properties is None else properties,
            json_web_key_set=json_web_key_set,
            enabled=enabled,
        )

    async def update(
        self,
        *,
        tenant_id: UUID,
        id: UUID,
        row_version: int,
        client_id: str,
        application_type: ClientApplicationType,
        client_type: ClientType,
        consent_type: ClientConsentType,
        display_name: str,
        display_names: JsonObject,
        redirect_uris: Sequence[str],
        post_logout_redirect_uris: Sequence[str],
        permissions: Sequence[str],
        requirements: Sequence[str],
        settings: JsonObject,
        properties: JsonObject,
        json_web_key_set: JsonObject | None,
        enabled: bool,
    ) -> Client:
        """Replace what can be edited of the client that was read at `row_version`.

        Raises NotFoundError, ConcurrencyConflictError, DuplicateError,
        InvalidValueError.
        """
        client = await queries.update_async(
            self._connection,
            tenant_id=tenant_id,
            id=id,
            row_version=row_version,
            client_id=client_id,
            application_type=application_type,
            client_type=client_type,
            consent_type=consent_type,
            display_name=display_name,
            display_names=display_names,
            redirect_uris=redirect_uris,
            post_logout_redirect_uris=post_logout_redirect_uris,
            permissions=permissions,
            requirements=requirements,
            settings=settings,
            properties=properties,
            json_web_key_set=json_web_key_set,
            enabled=enabled,
        )
        if client is None:
            current = await self.get_by_id(tenant_id=tenant_id, id=id)
            raise stale("client", row_version, current)
        return client

    async def delete(self, *, tenant_id: UUID, id: UUID) -> bool:
        """Delete a client with its secrets, consents and tokens.

        False when there was none.
        """
        return bool(
            await queries.delete_async(self._connection, tenant_id=tenant_id, id=id)
        )

    async def add_secret(
        self,
        *,
        tenant_id: UUID,
        id: UUID,
        secret_hash: str,
        description: str = "",
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
    ) -> ClientSecret:
        """Add a secret beside those that live, as the first step of a rotation.

        `secret_hash` is of `hash_client_secret`; `valid_from` None means now,
        `valid_until` None no end. Raises MissingReferenceError when there
        is no such confidential client, InvalidValueError.
        """
        secret = await queries.add_secret_async(
            self._connection,
            tenant_id=tenant_id,
            id=id,
            secret_hash=check_client_secret_hash("secret_hash", secret_hash),
            description=description,
            valid_from=valid_from,
            valid_until=valid_until,
        )
        if secret is None:
            message = "clients.add_secret: no such confidential client in the tenant"
            raise MissingReferenceError(message)
        return secret

    async def list_secrets(
        self, *, tenant_id: UUID, id: UUID
    ) -> Sequence[ClientSecret]:
        """List the client's secrets, live or not, newest first."""
        return await queries.list_secrets_async(
            self._connection, tenant_id=tenant_id, id=id
        )

    async def list_live_secrets(
        self, *, tenant_id: UUID, client_id: str
    ) -> Sequence[ClientSecret]:
        """List what the client may authenticate with now, newest first.

        Empty for an unknown or disabled client and for a tenant that is not active.
        """
        return await queries.list_live_secrets_async(
            self._connection, tenant_id=tenant_id, client_id=client_id
        )

    async def record_secret_use(self, *, tenant_id: UUID, secret_id: UUID) -> bool:
        """Note that a secret was accepted. False when noted within the last minute."""
        return bool(
            await queries.record_secret_use_async(
                self._connection, tenant_id=tenant_id, secret_id=secret_id
            )
        )

    async def expire_secret(
        self,
        *,
        tenant_id: UUID,
        secret_id: UUID,
        remaining: timedelta = timedelta(0),
    ) -> ClientSecret | None:
        """Let a secret end after the remaining time, or sooner if it would anyway.

        None for an unknown secret.
        """
        return await queries.expire_secret_async(
            self._connection,
            tenant_id=tenant_id,
            secret_id=secret_id,
            remaining=remaining,
        )

    async def delete_secret(self, *, tenant_id: UUID, secret_id: UUID) -> bool:
        """Delete a secret. False when there was none."""
        return bool(
            await queries.delete_secret_async(
                self._connection, tenant_id=tenant_id, secret_id=secret_id
            )
        )

    async def revoke_tokens(self, *, tenant_id: UUID, id: UUID) -> Client | None:
        """End every grant to the client so far, by moving its epoch: one row.

        Its users' sign-ins elsewhere stay. None for an unknown client.
        """
        return await queries.revoke_tokens_async(
            self._connection, tenant_id=tenant_id, id=id
        )
