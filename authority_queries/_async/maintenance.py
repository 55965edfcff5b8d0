"""The entry point of operators: what concerns all tenants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from authority_queries._async.pool import AsyncPooled
from authority_queries._async.store import AsyncStore


class AsyncMaintenance(AsyncPooled):
    """What operators do: the directory of tenants, pruning, partitions.

    Its role sees no users, clients, secrets or licences: see docs/tenant_isolation.md.
    """

    role: ClassVar[str] = "authority_maintenance"

    @asynccontextmanager
    async def store(self) -> AsyncIterator[AsyncStore]:
        """Lend a connection in autocommit: each call is one trip and one transaction.

        Raises UnavailableError when none is free within `pool_timeout`.
        """
        async with self._lend() as connection:
            yield AsyncStore(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncStore]:
        """Lend a connection in a transaction: committed at the end, or rolled back.

        Raises UnavailableError when none is free within `pool_timeout`.
        """
        async with self.store() as store, store.connection.transaction():
            yield store
