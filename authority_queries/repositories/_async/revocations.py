"""The feed of revocations that resource servers and gateways follow."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import revocations as queries
from authority_queries.records import (
    Revocation,
    RevocationCategory,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_limit, check_not_negative


class AsyncRevocations(AsyncRepository):
    """Queries of `queries/revocations.sql`."""

    async def publish(
        self,
        *,
        tenant_id: UUID,
        category: RevocationCategory,
        target: str,
        reason: str,
        properties: JsonObject | None = None,
        effective_at: datetime | None = None,
        expires_at: datetime | None = None,
        hint: bool = True,
    ) -> Revocation:
        """Append an entry to the tenant's feed.

        `target` is a jti, sub, client_id, kid or authorization id. From `expires_at` on
        no token that it concerns can be alive. For a token and an authorization it is
        required, and is the tokens' own end. Without one an entry stays until a later
        one of the same target takes its place (`prune_superseded`). Other publishers
        of the tenant wait until the transaction ends: entries appear in order and
        without gaps. The hint (NOTIFY) wakes followers at the commit, which then waits
        for those of other notifying transactions, of all tenants; without it, and
        while the server's queue of notifications is half full, followers see the entry
        at their next poll. A transaction with a hint cannot be prepared
        for a two-phase commit. Raises MissingReferenceError for an unknown tenant,
        InvalidValueError.
        """
        return await queries.publish_async(
            self._connection,
            tenant_id=tenant_id,
            category=category,
            target=target,
            reason=reason,
            properties={} if properties is None else properties,
            effective_at=effective_at,
            expires_at=expires_at,
            hint=hint,
        )

    async def list_since(
        self, *, tenant_id: UUID, sequence: int = 0, limit: int = 100
    ) -> Sequence[Revocation]:
        """List what a follower that has seen `sequence` has not seen, in order."""
        return await queries.list_since_async(
            self._connection,
            tenant_id=tenant_id,
            sequence=sequence,
            page_size=check_limit(limit),
        )

    async def get_position(self, *, tenant_id: UUID) -> int:
        """Get the number of the newest entry, pruned or not; 0 before the first one."""
        return await queries.get_position_async(self._connection, tenant_id=tenant_id)

    async def list_active(
        self,
        *,
        tenant_id: UUID,
        category: RevocationCategory | None = None,
        target: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Revocation]:
        """List what is in force now, in order of sequence."""
        return await queries.list_active_async(
            self._connection,
            tenant_id=tenant_id,
            category=category,
            target=target,
            after=after,
            page_size=check_limit(limit),
        )

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of entries that expired longer ago than this, of all tenants.

        Gives how many; call again while it is `batch_size`.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )

    async def prune_superseded(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of superfluous entries without an end, of all tenants.

        A later one of the same target, without an end and published longer ago than
        this, refuses all that they refuse. Returns how many; call again while it is
        `batch_size`.
        """
        return await queries.prune_superseded_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
