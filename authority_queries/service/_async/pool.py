"""A pool of connections that act as one role."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf
from time import monotonic
from typing import ClassVar, Final, Self

from psycopg import OperationalError
from psycopg.errors import ReadOnlySqlTransaction

from authority_queries.engine import forks
from authority_queries.engine._async.pooler_detection import look
from authority_queries.engine.calls import AsyncBlock
from authority_queries.errors import ConfigurationError, UnavailableError
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.line import AsyncLine
from authority_queries.service._async.opening import (
    check_database,
    explain,
    is_passing,
    is_standby,
)
from authority_queries.service.backend import running_backend
from authority_queries.service.conninfo import connection_parameters, service_conninfo
from authority_queries.service.settings import Settings
from authority_queries.service.waiting import pause_async

_FIRST_DELAY: Final = 0.05  # seconds
_LONGEST_DELAY: Final = 1.0


class AsyncPool:
    """Connections to one database, for one role, in the process that asks for them.

    Whoever finds none that is idle connects: there is no task and no thread of its own.
    """

    def __init__(self, settings: Settings, server: str, role: str) -> None:
        self.conninfo = service_conninfo(settings, server, role)
        self._settings = settings
        self._without_role = service_conninfo(settings, server, "none")
        self._role = role
        self._patience = settings.longest_silence
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._line = AsyncLine(
            self._settings.pool_max_size, kept=self._settings.pool_min_size
        )
        self._renew()

    def _renew(self) -> None:
        """Use no connection again that was made before, and look at the next one."""
        self._oldest = monotonic()
        self._is_checked = False

    async def open(self) -> None:
        """Make the connections that are kept, and look at the database.

        What cannot pass by itself is told at once; the rest is waited for.
        """
        until = monotonic() + self._settings.connect_timeout
        async with AsyncExitStack() as stack:
            for _ in range(self._settings.pool_min_size):
                lent = self.lend(until - monotonic(), is_opening=True)
                await stack.enter_async_context(lent)

    def close(self) -> None:
        """Close what is idle, and what is lent when it comes back."""
        self._line.close()

    @asynccontextmanager
    async def lend(
        self, seconds: float | None = None, *, is_opening: bool = False
    ) -> AsyncIterator[AsyncServiceConnection]:
        """Lend a connection for the block; it is nobody else's meanwhile.

        `seconds` is the longest wait for it, and for the server when it is silent.
        """
        if self._process != os.getpid():
            forks.let_go()
            self._begin()
        settings, line = self._settings, self._line
        limit = settings.pool_timeout
        if seconds is not None:
            limit = seconds if is_opening else min(seconds, limit)
        until = monotonic() + limit
        slot = await line.take(limit)
        if slot is None:
            raise _unavailable(settings, "none is free")
        try:
            connection = slot.connection
            if connection is None or not slot.is_usable(self._oldest):
                slot.empty()
                connection = await self._connect(until, is_opening=is_opening)
                slot.fill(connection)
            connection.patience = self._patience
            if seconds is not None:
                connection.patience = min(seconds, self._patience or inf)
            yield connection
        except ReadOnlySqlTransaction:
            slot.empty()
            self._renew()
            raise
        finally:
            if slot.is_lost:
                self._renew()
            line.give(slot)

    async def _connect(
        self, until: float, *, is_opening: bool
    ) -> AsyncServiceConnection:
        """Connect, again and again until then if it may help."""
        delay = _FIRST_DELAY
        while True:
            try:
                return await self.connect(until - monotonic())
            except OperationalError as error:
                may_pass = await is_passing(error, self.conninfo)
                if not may_pass and not is_opening:
                    may_pass = await is_standby(self.conninfo)
                if not may_pass:
                    why = await explain(error, self._without_role, self._role)
                    raise _unavailable(self._settings, why) from error
                if monotonic() + delay > until:
                    raise _unavailable(self._settings, str(error)) from error
            await pause_async(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    async def connect(self, seconds: float) -> AsyncServiceConnection:
        """Connect once: for the pool, or for a caller who closes what is given.

        psycopg waits for each host for whole seconds, two at least.
        """
        limit = min(self._settings.connect_timeout, seconds)
        connection = await AsyncServiceConnection.connect(
            self.conninfo,
            connect_timeout=max(1, round(limit)),
            **connection_parameters(self._settings),
        )
        forks.own(connection)
        connection.patience = self._patience
        try:
            await self._look_at(connection)
        except BaseException:
            connection.pgconn.finish()
            raise
        return connection

    async def _look_at(self, connection: AsyncServiceConnection) -> None:
        """See what stands between, and at the first connection which database it is."""
        if not await look(connection) and self._settings.prepared_statements:
            message = (
                "prepared_statements (AUTHORITY_PREPARED_STATEMENTS) is True, but "
                "a pooler stands before the server, which may give a client the "
                "statements of another; allowed: False, or leave it unset"
            )
            raise ConfigurationError(message)
        if not self._is_checked:
            await check_database(connection)
            self._is_checked = True


class AsyncPooled:
    """Lends connections to one authority database. Made by `open`."""

    role: ClassVar[str]

    def __init__(self, pool: AsyncPool, settings: Settings) -> None:
        self._pool = pool
        self.settings = settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings | None = None) -> AsyncIterator[Self]:
        """Open the pool for the time of the block, and the embedded server if chosen.

        Its connections act as `role`, of which who logs in must be a member. Starting
        the embedded server blocks for about a second. In a process that is forked
        inside the block the pool is empty, and connects anew; what was lent is lost to
        the child.

        Raises ConfigurationError, UnavailableError, and SchemaVersionError for a
        database that has not the schema of this package: `migrate`. Used after the
        block it raises ClosedError.
        """
        settings = settings or Settings()
        with running_backend(settings) as server:
            pool = AsyncPool(settings, server, cls.role)
            try:
                await pool.open()
                yield cls(pool, settings)
            finally:
                pool.close()

    @property
    def _lend(self) -> AsyncBlock[AsyncServiceConnection]:
        return self._pool.lend


def _unavailable(settings: Settings, why: str) -> UnavailableError:
    return UnavailableError(f"no connection to {settings.describe()}: {why}")
