"""The entry point of operators: what concerns all tenants."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import ClassVar

from authority_queries.repositories._async.store import AsyncStore
from authority_queries.service._async import pruning
from authority_queries.service._async.pool import AsyncPooled
from authority_queries.service.retention import (
    PruneReport,
    Retention,
    StepName,
    StepReport,
)


class AsyncMaintenance(AsyncPooled):
    """What operators do: the directory of tenants, pruning, partitions.

    Its role sees no users, clients, secrets or licences: see docs/tenant_isolation.md.
    """

    role: ClassVar[str] = pruning.ROLE

    @asynccontextmanager
    async def store(self) -> AsyncIterator[AsyncStore]:
        """Lend a connection in autocommit: each call is one trip and one transaction.

        Raises UnavailableError when none is free within `pool_timeout`.
        """
        async with self._lend() as connection, AsyncStore.lent(connection) as store:
            yield store

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncStore]:
        """Lend a connection in a transaction: committed at the end, or rolled back.

        Raises UnavailableError when none is free within `pool_timeout`.
        """
        async with self.store() as store, store.connection.transaction():
            yield store

    async def prune(
        self,
        *,
        retention: Retention | None = None,
        batch_size: int = 1000,
        time_limit: timedelta | None = None,
        only: Collection[StepName] = (),
        progress: Callable[[StepReport], object] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> PruneReport:
        """Delete what is over, of all tenants, and make the partitions that come next.

        In batches of at most `batch_size` rows, each a transaction of its own, one of
        each step in turn. A batch leaves what others have locked, and judges a row as
        it is once it is locked: any number of runs may go on at once, beside services.
        `only` names the steps to take; none: all. After `time_limit`, or when `stop`
        says so, no batch is begun; one is ended by AUTHORITY_STATEMENT_TIMEOUT.
        `progress` is told of a step after each of its batches.

        What goes wrong in a step ends it and stands in the report; the others go on.
        Raises UnavailableError, InvalidArgumentError.
        """
        async with self.store() as store:
            return await pruning.prune(
                store,
                retention=retention,
                batch_size=batch_size,
                time_limit=time_limit,
                only=only,
                progress=progress,
                stop=stop,
            )
