"""Consents: what users allow clients."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonArray, JsonObject
from authority_queries.errors import MissingReferenceError
from authority_queries.queries import consents as queries
from authority_queries.records import Consent
from authority_queries.repositories._async.pages import page_after
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_not_negative
from authority_queries.repositories.cursors import by_id
from authority_queries.repositories.values import Page

_RETENTION = timedelta(days=400)

_ORDER: Final = by_id("consents.list_by_user")


class AsyncConsents(AsyncRepository):
    """Queries of `queries/consents.sql`. `client_id` is the name of the protocol."""

    async def get(
        self, *, tenant_id: UUID, user_id: UUID, client_id: str
    ) -> Consent | None:
        """Get the consent in force of a user to a client."""
        return await queries.get_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            client_id=client_id,
        )

    async def list_by_user(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[Consent]:
        """List all consents of the user, revoked or not, in order of id."""
        return await page_after(
            partial(
                queries.list_by_user_async,
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
            ),
            _ORDER,
            after=after,
            page_size=page_size,
        )

    async def grant(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        client_id: str,
        scopes: Sequence[str],
        resources: Sequence[str] = (),
        authorization_details: JsonArray = (),
        properties: JsonObject | None = None,
    ) -> Consent:
        """Add to what the user's consent allows the client, or create a consent.

        `authorization_details` are objects with a type each (RFC 9396). A revoked
        consent stays revoked: this creates a new one. `properties` replace those of
        before. Raises MissingReferenceError for an unknown client or user,
        InvalidValueError.
        """
        consent = await queries.grant_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            client_id=client_id,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            properties={} if properties is None else properties,
        )
        if consent is None:
            raise MissingReferenceError(
                "consents.grant: no client of the tenant has this client_id",
                argument="client_id",
                query="consents.grant",
            )
        return consent

    async def narrow(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        client_id: str,
        scopes: Sequence[str] | None = None,
        resources: Sequence[str] | None = None,
        authorization_details: JsonArray | None = None,
    ) -> Consent | None:
        """Restrict the consent in force, and return it. None if there is none.

        None for scopes, resources or authorization details keeps all of them. Tokens
        that carry another one are dead until it is granted again. To end them for good,
        revoke the consent.
        """
        return await queries.narrow_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            client_id=client_id,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
        )

    async def revoke(
        self, *, tenant_id: UUID, user_id: UUID, client_id: str, reason: str
    ) -> bool:
        """End the consent and all tokens issued under it, by updating one row.

        Tokens are issued under a consent that covers them; a client of consent_type
        implicit may hold other ones, which stay. Tokens that a concurrent call issues
        are dead too. Returns False if no consent was in force.
        """
        return bool(
            await queries.revoke_async(
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
                client_id=client_id,
                reason=reason,
            )
        )

    async def prune_revoked(
        self, *, older_than: timedelta = _RETENTION, batch_size: int = 1000
    ) -> int:
        """Delete a batch of consents that were revoked this long ago, of all tenants.

        Deletes the families under them too, which have been dead as long. Returns how
        many; call it again while that is `batch_size`.
        """
        return await queries.prune_revoked_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
