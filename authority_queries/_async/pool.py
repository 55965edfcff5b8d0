"""A pool of connections that act as one role."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import ClassVar, Self

from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from authority_queries._async.preparing import look
from authority_queries._backend import (
    connection_parameters,
    running_backend,
    service_conninfo,
)
from authority_queries._preparing import is_direct
from authority_queries.errors import ConfigurationError, UnavailableError
from authority_queries.settings import Settings


class AsyncPooled:
    """Lends connections to one authority database. Made by `open`."""

    role: ClassVar[str]

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[object]],
        settings: Settings,
        conninfo: str,
    ) -> None:
        self._pool = pool
        self._conninfo = conninfo
        self.settings = settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings | None = None) -> AsyncIterator[Self]:
        """Open the pool for the time of the block, and the embedded server if chosen.

        Its connections act as `role`, of which who logs in must be a member. Starting
        the embedded server blocks for about a second. Raises ConfigurationError,
        UnavailableError. Apply the migrations first: `migrate`.
        """
        settings = settings or Settings()
        with running_backend(settings) as server:
            conninfo = service_conninfo(settings, server, cls.role)
            pool = AsyncConnectionPool[AsyncConnection[object]](
                conninfo,
                kwargs=connection_parameters(settings),
                min_size=settings.pool_min_size,
                max_size=settings.pool_max_size,
                timeout=settings.pool_timeout,
                name=cls.role,
                configure=_configure,
                open=False,
            )
            async with pool:
                try:
                    await pool.wait(settings.connect_timeout)
                except PoolTimeout as error:
                    raise _unavailable(settings, await _reason(conninfo)) from error
                pooled = cls(pool, settings, conninfo)
                if settings.prepared_statements:
                    await pooled._insist_on_preparing()
                yield pooled

    async def _insist_on_preparing(self) -> None:
        async with self._lend() as connection:
            if not is_direct(connection):
                message = (
                    "prepared_statements (AUTHORITY_PREPARED_STATEMENTS) is True, but "
                    "a pooler stands before the server, which may give a client the "
                    "statements of another; allowed: False, or leave it unset"
                )
                raise ConfigurationError(message)

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[AsyncConnection[object]]:
        async with AsyncExitStack() as stack:
            try:
                lent = self._pool.connection()
                connection = await stack.enter_async_context(lent)
            except PoolTimeout as error:
                raise _unavailable(self.settings) from error
            try:
                yield connection
            finally:
                if not connection.autocommit:
                    # Set by the borrower. The pool makes another one.
                    await connection.close()


async def _configure(connection: AsyncConnection[object]) -> None:
    """See what stands between, before the first use."""
    await look(connection)


async def _reason(conninfo: str) -> str:
    """Ask once more, without the pool, which keeps what PostgreSQL said to itself."""
    try:
        connection = await AsyncConnection.connect(conninfo)
    except OperationalError as error:
        return str(error)
    await connection.close()
    return "it can be had now"


def _unavailable(settings: Settings, why: str = "none is free") -> UnavailableError:
    return UnavailableError(f"no connection to {settings.describe()} in time: {why}")
