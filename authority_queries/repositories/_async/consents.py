"""Consents: what users allow clients, remembered."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import consents as queries
from authority_queries.records import Consent
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_limit, check_not_negative

_RETENTION = timedelta(days=400)


class AsyncConsents(AsyncRepository):
    """Queries of `queries/consents.sql`. `client_id` is `Client.id` here."""

    async def get(
        self, *, tenant_id: UUID, user_id: UUID, client_id: UUID
    ) -> Consent | None:
        """Get the consent of a user to a client that is in force."""
        return await queries.get_async(
            self._connection, tenant_id=tenant_id, user_id=user_id, client_id=client_id
        )

    async def list_by_user(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        after: UUID | None = None,
        limit: int = 50,
    ) -> Sequence[Consent]:
        """List every consent that the user ever gave, revoked or not, by id."""
        return await queries.list_by_user_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            after=after,
            page_size=check_limit(limit),
        )

    async def grant(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        client_id: UUID,
        scopes: Sequence[str],
        properties: JsonObject | None = None,
    ) -> Consent:
        """Record that the user allows the client these scopes, beside those of before.

        A consent that was revoked stays so: this makes another one. `properties` are
        the new grant's. Raises MissingReferenceError, InvalidValueError.
        """
        return await queries.grant_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            client_id=client_id,
            scopes=scopes,
            properties={} if properties is None else properties,
        )

    async def narrow(
        self, *, tenant_id: UUID, user_id: UUID, client_id: UUID, scopes: Sequence[str]
    ) -> Consent | None:
        """Allow no more than these of the scopes; None when there is no consent.

        Tokens under it that carry another scope are dead, until it is granted again:
        to end them for good, revoke the consent.
        """
        return await queries.narrow_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            client_id=client_id,
            scopes=scopes,
        )

    async def revoke(
        self, *, tenant_id: UUID, user_id: UUID, client_id: UUID, reason: str
    ) -> bool:
        """End the consent and every token under it, in one row.

        Under it is what was issued for scopes that it covered: all but what a client
        of consent_type implicit got beyond it. What is being issued at this moment is
        dead too. False when none was in force.
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

        With the families under them, which have been dead as long. Returns how many;
        call again while it is `batch_size`.
        """
        return await queries.prune_revoked_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
