"""The entry point of operators: work on all tenants."""

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
    """Manages tenants, prunes, and creates partitions.

    Its role cannot read users, clients, secrets or licences: docs/tenant_isolation.md.
    """

    role: ClassVar[str] = pruning.ROLE

    @asynccontextmanager
    async def store(self) -> AsyncIterator[AsyncStore]:
        """Open a store in autocommit: each call is one trip and one transaction.

        Raises UnavailableError when no connection is free within `pool_timeout`.
        """
        async with self._lend() as connection, AsyncStore.lent(connection) as store:
            yield store

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncStore]:
        """Open a store in one transaction, which commits when the block ends normally.

        Raises UnavailableError when no connection is free within `pool_timeout`.
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
        """Delete expired data of all tenants, and create the next months' partitions.

        Each batch deletes at most `batch_size` rows in a transaction of its own. The
        steps take turns, one batch each. A batch skips locked rows, and checks a row
        again once it has locked it: any number of runs may work at once, beside
        services. `only` names the steps to run; without it all steps run. After
        `time_limit`, or when `stop` returns true, no batch begins.
        AUTHORITY_STATEMENT_TIMEOUT ends a batch. `progress` is called with the report
        of a step after each of its batches.

        An error ends its step and is in the report. The other steps continue. Raises
        PermissionDeniedError, UnavailableError, InvalidArgumentError.
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
