"""Objects that send their calls on a pool of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import ClassVar, Final, Self

from authority_queries.engine.calls import AsyncBlock
from authority_queries.queries import server as server_queries
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.pool import AsyncPool
from authority_queries.service._async.replay import await_replay
from authority_queries.service.backend import running_backend
from authority_queries.service.settings import Settings

_A_SECOND: Final = timedelta(seconds=1)


class AsyncPooled:
    """Lends connections to one authority database. `open` creates it."""

    role: ClassVar[str]

    def __init__(self, pool: AsyncPool, settings: Settings) -> None:
        self._pool = pool
        self._lend: Final[AsyncBlock[AsyncServiceConnection]] = pool.lend
        self.settings = settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings | None = None) -> AsyncIterator[Self]:
        """Open the pool during the block, and start the embedded server if chosen.

        The connections act as `role`; the login must be a member of it. Starting the
        embedded server blocks for about a second. In a process that is forked inside
        the block the pool is empty and opens new connections; the child cannot use a
        connection that was lent before the fork.

        Raises ConfigurationError, UnavailableError, and SchemaVersionError for a
        database without this package's schema (`authority migrate`). A use after the
        block raises ClosedError.
        """
        settings = settings or Settings()
        with running_backend(settings) as server:
            pool = AsyncPool(settings, server, cls.role, settings.describe())
            pooled = cls(pool, settings)
            try:
                await pool.open()
                yield pooled
            finally:
                pooled._close()

    def _close(self) -> None:
        self._pool.close()

    async def get_lsn(self) -> str:
        """Return where the server's log ends, after all commits until now.

        The text has the timeline and the LSN, such as 1:0/16B3748. Ask after the unit
        of work: the commit of an open one comes later. Pass the text to a reader of a
        standby, as `after`, or to `await_replay`.
        """
        async with self._lend() as connection:
            return await server_queries.get_lsn_async(connection)

    async def await_replay(self, lsn: str, *, within: timedelta = _A_SECOND) -> None:
        """Wait until this server, a standby, has replayed what was written before.

        `lsn` is what `get_lsn` returned on the primary. Later calls read those writes,
        if the URL names one standby. On the primary this is one trip.

        Raises ReplicaLagError after `within`, and at once on a primary whose log ends
        before `lsn`. Raises InvalidArgumentError.
        """
        async with self._lend() as connection:
            await await_replay(connection, lsn=lsn, within=within)
