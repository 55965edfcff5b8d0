"""Deletion of everything of a tenant or of a user."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from authority_queries.names.usernames import lookup_key
from authority_queries.queries import erasures as queries
from authority_queries.records import ErasedTenantRows, ErasedUserRows
from authority_queries.repositories._async.repository import AsyncRepository


class AsyncErasures(AsyncRepository):
    """Queries of `queries/erasures.sql`, for operators: `Maintenance.erase_user`."""

    async def erase_tenant(
        self, *, tenant_id: UUID, batch_size: int = 1000
    ) -> ErasedTenantRows | None:
        """Delete one batch of a terminated tenant's rows, from one table.

        Returns None when no row is left. The tenant itself is the last row. Calls may
        run concurrently: they skip locked rows, except before the last row.

        Raises TenantNotTerminatedError.
        """
        erased = await queries.erase_tenant_async(
            self._connection, tenant_id=tenant_id, batch_size=batch_size
        )
        return erased if erased is not None and erased.table_name else None

    async def erase_user(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        other_names: Sequence[str] = (),
        feed_for: timedelta,
        searches: bool = True,
        batch_size: int = 1000,
    ) -> ErasedUserRows | None:
        """Erase one batch of the rows that concern a user, in one table.

        Returns None when no row is left. The first call suspends the user and publishes
        the end of the user's tokens; its row count is 0. The user's own row is the last
        one. Calls may run concurrently: they skip locked rows, except before that row.
        """
        erased = await queries.erase_user_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            other_names=[*other_names],
            feed_for=feed_for,
            searches=searches,
            batch_size=batch_size,
        )
        return erased if erased is not None and erased.table_name else None

    async def find_user(self, *, tenant_id: UUID, username: str) -> UUID | None:
        """Find the id of the user with this name. Returns None for an unknown name."""
        return await queries.find_user_async(
            self._connection, tenant_id=tenant_id, username_key=lookup_key(username)
        )
