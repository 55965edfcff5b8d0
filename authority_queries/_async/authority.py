"""The entry point: a pool of connections, and stores over them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from authority_queries._async.store import AsyncStore
from authority_queries._backend import running_backend, service_conninfo
from authority_queries.errors import UnavailableError
from authority_queries.settings import Settings


class AsyncAuthority:
    """A pool of connections to one authority database. Made by `open`."""

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection[object]], settings: Settings
    ) -> None:
        self._pool = pool
        self.settings = settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings | None = None) -> AsyncIterator[Self]:
        """Open the pool for the time of the block, and the embedded server if chosen.

        Starting the embedded server blocks for about a second. Raises
        ConfigurationError, UnavailableError. Apply the migrations first: `migrate`.
        """
        settings = settings or Settings()
        with running_backend(settings) as conninfo:
            pool = AsyncConnectionPool[AsyncConnection[object]](
                service_conninfo(settings, conninfo),
                kwargs={"autocommit": True},
                min_size=settings.pool_min_size,
                max_size=settings.pool_max_size,
                timeout=settings.pool_timeout,
                name="authority",
                open=False,
            )
            try:
                await pool.open(wait=True, timeout=settings.connect_timeout)
            except PoolTimeout as error:
                await pool.close()
                raise _unavailable(settings) from error
            async with pool:
                yield cls(pool, settings)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[AsyncStore]:
        """Lend a connection in autocommit: each call is one trip and one transaction.

        Raises UnavailableError when none is free within `pool_timeout`.
        """
        try:
            async with self._pool.connection() as connection:
                yield AsyncStore(connection)
        except PoolTimeout as error:
            raise _unavailable(self.settings) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncStore]:
        """Lend a connection in a transaction: committed at the end, or rolled back.

        Raises UnavailableError when none is free within `pool_timeout`.
        """
        async with self.store() as store, store.connection.transaction():
            yield store


def _unavailable(settings: Settings) -> UnavailableError:
    return UnavailableError(f"no connection to {settings.describe()} in time")
