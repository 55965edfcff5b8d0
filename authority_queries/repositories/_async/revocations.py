"""The feed of revocations that resource servers and gateways follow."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.calls import AsyncCall
from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import revocations as queries
from authority_queries.records import (
    FeedHead,
    Revocation,
    RevocationCategory,
)
from authority_queries.repositories._async.pages import Found, found_page
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_not_negative, check_page_size
from authority_queries.repositories.cursors import by_sequence
from authority_queries.repositories.values import Page

_ORDER: Final = by_sequence("revocations.list_active")


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
        no token that the entry concerns can be alive. It is required for a token and an
        authorization: the end of the tokens. An entry without it stays until a later
        one for the same target replaces it (`prune_superseded`).

        Other publishers of the tenant wait until the transaction ends, so that entries
        appear in order and without gaps.

        The hint (NOTIFY) wakes followers at the commit, which waits for commits of
        other notifying transactions, of all tenants. Without it, or while the server's
        notification queue is half full, followers get the entry at their next poll. A
        transaction with a hint cannot be prepared for a two-phase commit.

        Raises MissingReferenceError for an unknown tenant, InvalidValueError.
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
        self, *, tenant_id: UUID, sequence: int = 0, page_size: int = 100
    ) -> Sequence[Revocation]:
        """List entries after `sequence`, the last one that a follower has, in order."""
        return await queries.list_since_async(
            self._connection,
            tenant_id=tenant_id,
            sequence=sequence,
            page_size=check_page_size(page_size),
        )

    async def get_position(self, *, tenant_id: UUID) -> int:
        """Return the sequence of the newest entry, pruned or not; 0 if none was."""
        return await queries.get_position_async(self._connection, tenant_id=tenant_id)

    async def list_heads(self, *, tenant_ids: Sequence[UUID]) -> Sequence[FeedHead]:
        """List where the feed of each of these tenants ends, active tenants only.

        Call it outside of a unit of work, which is of one tenant.
        """
        return await queries.list_heads_async(self._connection, tenant_ids=tenant_ids)

    async def list_active(
        self,
        *,
        tenant_id: UUID,
        category: RevocationCategory | None = None,
        target: str | None = None,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[Revocation]:
        """List the entries in force now, in order of sequence.

        A page may have fewer entries than `page_size`, even none, and a `next`: it
        examines entries of all categories, and those that expired.
        """
        find: AsyncCall[Found] = queries.find_active_async
        if target is not None:
            find = partial(queries.find_active_by_target_async, target=target)
        return await found_page(
            partial(find, self._connection, tenant_id=tenant_id, category=category),
            lambda sequences: queries.list_by_sequences_async(
                self._connection, tenant_id=tenant_id, sequences=sequences
            ),
            _ORDER,
            after=after,
            page_size=page_size,
        )

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of entries that expired this long ago, of all tenants.

        Returns how many; call it again while that is `batch_size`.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )

    async def prune_superseded(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of entries without an end that later ones replace.

        Such an entry has a later one for the same target, without an end and published
        this long ago, which refuses the same tokens. Deletes those of all tenants.
        Returns how many; call it again while that is `batch_size`.
        """
        return await queries.prune_superseded_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
