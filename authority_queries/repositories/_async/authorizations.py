"""Authorizations: the families that tokens belong to, one for each grant."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import TenantInactiveError
from authority_queries.queries import authorizations as queries
from authority_queries.records import Authorization
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_limit,
    check_not_negative,
    check_optional_positive,
)


class AsyncAuthorizations(AsyncRepository):
    """Queries of `queries/authorizations.sql`. `client_id` is `Client.id` here."""

    async def get_by_id(
        self, *, tenant_id: UUID, authorization_id: UUID
    ) -> Authorization | None:
        """Get an authorization, revoked or not."""
        return await queries.get_by_id_async(
            self._connection,
            tenant_id=tenant_id,
            authorization_id=authorization_id,
        )

    async def list_by_user(
        self, *, tenant_id: UUID, user_id: UUID
    ) -> Sequence[Authorization]:
        """List the families of the user that are in force: one a sign-in at a client.

        Neither they nor the consent that they rest on are revoked, they are not past
        their end, and their tokens had not all expired a day ago. What stops all of
        them at once (an epoch, a suspended user) is not asked.
        """
        return await queries.list_by_user_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )

    async def list_by_client(
        self,
        *,
        tenant_id: UUID,
        client_id: UUID,
        after: UUID | None = None,
        limit: int = 50,
    ) -> Sequence[Authorization]:
        """List the families of the client that are in force, in order of id."""
        return await queries.list_by_client_async(
            self._connection,
            tenant_id=tenant_id,
            client_id=client_id,
            after=after,
            page_size=check_limit(limit),
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        client_id: UUID,
        user_id: UUID | None = None,
        service_account_id: UUID | None = None,
        consent_id: UUID | None = None,
        scopes: Sequence[str] = (),
        properties: JsonObject | None = None,
        lifetime: timedelta | None = None,
    ) -> Authorization:
        """Record what a subject allows a client; neither subject: the client itself.

        For what comes from another store: `grants.issue_code` makes its own. It ends
        after `lifetime` however often it is refreshed, and is pruned with its last
        token; without one, as soon as `prune_expired` permits. Raises
        TenantInactiveError, MissingReferenceError, InvalidValueError.
        """
        authorization = await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            client_id=client_id,
            user_id=user_id,
            service_account_id=service_account_id,
            consent_id=consent_id,
            scopes=scopes,
            properties={} if properties is None else properties,
            lifetime=check_optional_positive("lifetime", lifetime),
        )
        if authorization is None:
            message = "the tenant is not active: it is issued nothing"
            raise TenantInactiveError(message)
        return authorization

    async def revoke(
        self, *, tenant_id: UUID, authorization_id: UUID, reason: str
    ) -> bool:
        """End an authorization and every token under it, in one row.

        False when there was none in force.
        """
        return bool(
            await queries.revoke_async(
                self._connection,
                tenant_id=tenant_id,
                authorization_id=authorization_id,
                reason=reason,
            )
        )

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(hours=1), batch_size: int = 1000
    ) -> int:
        """Delete a batch of families whose last token expired longer ago than this.

        Of all tenants, with all their tokens. One that is refreshed meanwhile stays.
        Gives how many; call again while it is `batch_size`. Rows that are locked are
        left for the next run, so that any number may run at once.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
