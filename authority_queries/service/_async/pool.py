"""A pool of connections that act as one role."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from math import inf
from time import monotonic
from typing import ClassVar, Final, Self

from psycopg import OperationalError
from psycopg.errors import ReadOnlySqlTransaction

from authority_queries.engine import forks
from authority_queries.engine.calls import AsyncBlock
from authority_queries.errors import (
    ConfigurationError,
    ReadOnlyError,
    UnavailableError,
)
from authority_queries.queries import server as server_queries
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.connection_checks import (
    check_database,
    explain_refusal,
    is_standby,
    is_temporary,
)
from authority_queries.service._async.replay import await_replay
from authority_queries.service._async.slots import AsyncSlot, AsyncSlots
from authority_queries.service.backend import running_backend
from authority_queries.service.conninfo import psycopg_options, service_conninfo
from authority_queries.service.settings import Settings
from authority_queries.service.waiting import pause_async

_FIRST_DELAY: Final = 0.05  # seconds
_LONGEST_DELAY: Final = 1.0
_A_SECOND: Final = timedelta(seconds=1)


class AsyncPool:
    """Connections to one database, as one role, in the process that uses them.

    A caller that finds no idle connection opens one. The pool has no task and no
    thread of its own.
    """

    def __init__(self, settings: Settings, server: str, role: str, where: str) -> None:
        self.conninfo = service_conninfo(settings, server, role)
        self._settings = settings
        self._without_role = service_conninfo(settings, server, "none")
        self._role, self._where = role, where
        self._longest_silence = settings.longest_silence
        self._start_empty()

    def _start_empty(self) -> None:
        self._process = os.getpid()
        self._slots = AsyncSlots(
            self._settings.pool_max_size, kept=self._settings.pool_min_size
        )
        self._expire_connections()

    def _expire_connections(self) -> None:
        """Reuse no connection opened before now."""
        self._oldest = monotonic()

    async def open(self) -> None:
        """Open `pool_min_size` connections, and check the database.

        A failure that may pass is retried until `connect_timeout`. Any other failure is
        raised at once.
        """
        until = monotonic() + self._settings.connect_timeout
        async with AsyncExitStack() as stack:
            for _ in range(self._settings.pool_min_size):
                lent = self.lend(until - monotonic(), is_opening=True)
                await stack.enter_async_context(lent)

    def close(self) -> None:
        """Close idle connections now, and lent ones when they return."""
        self._slots.close()

    @asynccontextmanager
    async def lend(
        self, seconds: float | None = None, *, is_opening: bool = False
    ) -> AsyncIterator[AsyncServiceConnection]:
        """Lend a connection to the block. Nothing else uses it during the block.

        `seconds` limits the wait for a connection, and each silence of the server.
        """
        if self._process != os.getpid():
            forks.let_go()
            self._start_empty()
        settings, slots = self._settings, self._slots
        limit = settings.pool_timeout
        if seconds is not None:
            limit = seconds if is_opening else min(seconds, limit)
        until = monotonic() + limit
        slot = await slots.acquire(limit)
        if slot is None:
            size = settings.pool_max_size
            why = f"none was free within {limit:g} s (pool_max_size is {size})"
            raise _unavailable(self._where, why)
        try:
            yield await self._connection_in(slot, seconds, until, is_opening=is_opening)
        except (ReadOnlyError, ReadOnlySqlTransaction):
            slot.empty()
            self._expire_connections()
            raise
        finally:
            if slot.is_lost:
                self._expire_connections()
            slots.release(slot)

    async def _connection_in(
        self,
        slot: AsyncSlot,
        seconds: float | None,
        until: float,
        *,
        is_opening: bool,
    ) -> AsyncServiceConnection:
        """Return the slot's connection, or connect if it has none that is usable."""
        connection = slot.connection
        if connection is None or not slot.is_usable(self._oldest):
            slot.empty()
            connection = await self._connect(until, is_opening=is_opening)
            slot.fill(connection)
        connection.longest_silence = self._longest_silence
        if seconds is not None:
            connection.longest_silence = min(seconds, self._longest_silence or inf)
        return connection

    async def _connect(
        self, until: float, *, is_opening: bool
    ) -> AsyncServiceConnection:
        """Connect. Retry until `until` while the failure may pass."""
        delay = _FIRST_DELAY
        while True:
            try:
                return await self.connect(until - monotonic())
            except OperationalError as error:
                may_pass = await is_temporary(error, self.conninfo)
                if not may_pass and not is_opening:
                    may_pass = await is_standby(self.conninfo)
                if not may_pass:
                    why = await explain_refusal(error, self._without_role, self._role)
                    raise _unavailable(self._where, why) from error
                if monotonic() + delay > until:
                    raise _unavailable(self._where, str(error)) from error
            await pause_async(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    async def connect(self, seconds: float) -> AsyncServiceConnection:
        """Connect once: for the pool, or for a caller that closes the connection.

        psycopg waits whole seconds for each host, at least two.
        """
        limit = min(self._settings.connect_timeout, seconds)
        connection = await AsyncServiceConnection.connect(
            self.conninfo,
            connect_timeout=max(1, round(limit)),
            **psycopg_options(self._settings),
        )
        forks.own(connection)
        connection.longest_silence = self._longest_silence
        try:
            await self._check(connection)
        except BaseException:
            connection.pgconn.finish()
            raise
        return connection

    async def _check(self, connection: AsyncServiceConnection) -> None:
        """Check the database, and look for a pooler, in one trip."""
        is_direct = await check_database(connection)
        if not is_direct and self._settings.prepared_statements:
            message = (
                "prepared_statements (AUTHORITY_PREPARED_STATEMENTS) is True, but a "
                "pooler is before the server and may mix up the prepared statements of "
                "its clients; allowed: False, or leave it unset"
            )
            raise ConfigurationError(message)


class AsyncPooled:
    """Lends connections to one authority database. `open` creates it."""

    role: ClassVar[str]

    def __init__(self, pool: AsyncPool, settings: Settings) -> None:
        self._pool = pool
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

    @property
    def _lend(self) -> AsyncBlock[AsyncServiceConnection]:
        return self._pool.lend


def _unavailable(where: str, why: str) -> UnavailableError:
    return UnavailableError(f"no connection to {where}: {why}")
