"""A pool of connections that act as one role."""

import os
from contextlib import AsyncExitStack
from math import inf
from time import monotonic
from typing import Final

from psycopg import OperationalError
from psycopg.errors import ReadOnlySqlTransaction

from authority_queries.engine import forks
from authority_queries.errors import ConfigurationError, ReadOnlyError
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.connection_checks import (
    check_database,
    explain_refusal,
    is_standby,
    is_temporary,
)
from authority_queries.service._async.loans import AsyncLoan
from authority_queries.service._async.slots import AsyncSlot, AsyncSlots
from authority_queries.service.conninfo import psycopg_options, service_conninfo
from authority_queries.service.settings import Settings
from authority_queries.service.unavailable import none_was_free, unavailable
from authority_queries.service.waiting import pause_async

_FIRST_DELAY: Final = 0.05  # seconds
_LONGEST_DELAY: Final = 1.0
_READ_ONLY: Final = (ReadOnlyError, ReadOnlySqlTransaction)


class AsyncPool:
    """Connections to one database, as one role, in the process that uses them.

    A caller that finds no idle connection opens one. The pool has no task and no
    thread of its own.
    """

    def __init__(self, settings: Settings, server: str, role: str, where: str) -> None:
        self.conninfo = service_conninfo(settings, server, role)
        self._settings = settings
        self._without_role = service_conninfo(settings, server, "none")
        self.role, self._where = role, where
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

    def lend(
        self, seconds: float | None = None, *, is_opening: bool = False
    ) -> AsyncLoan:
        """Lend a connection to a block. Nothing else uses it during the block.

        `seconds` limits the wait for a connection, and each silence of the server.
        """
        return AsyncLoan(self, seconds, is_opening=is_opening)

    async def take(
        self, seconds: float | None, *, is_opening: bool
    ) -> tuple[AsyncSlot, AsyncServiceConnection]:
        """Take a slot with a connection, which `give_back` returns."""
        if self._process != os.getpid():
            forks.let_go()
            self._start_empty()
        slot = self._slots.take_idle()
        connection = None if slot is None else slot.connection
        if slot is None or connection is None or not slot.is_usable(self._oldest):
            slot, connection = await self._take_connected(
                slot, seconds, is_opening=is_opening
            )
        longest = self._longest_silence
        connection.longest_silence = (
            longest if seconds is None else min(seconds, longest or inf)
        )
        return slot, connection

    def give_back(self, slot: AsyncSlot, error: BaseException | None) -> None:
        """Return a slot. The error of its block shows what the connection is worth."""
        if error is not None and isinstance(error, _READ_ONLY):
            slot.empty()
            self._expire_connections()
        if not self._slots.keep(slot):
            if slot.is_lost:
                self._expire_connections()
            self._slots.discard(slot)

    async def _take_connected(
        self, slot: AsyncSlot | None, seconds: float | None, *, is_opening: bool
    ) -> tuple[AsyncSlot, AsyncServiceConnection]:
        """Wait for a slot if there is none, and connect if its connection is no use."""
        limit = self._settings.pool_timeout
        if seconds is not None:
            limit = seconds if is_opening else min(seconds, limit)
        until = monotonic() + limit
        slot = slot or await self._slots.acquire(limit)
        if slot is None:
            raise none_was_free(
                self._where, self._settings.pool_max_size, limit, self.role
            )
        try:
            connection = slot.connection
            if connection is None or not slot.is_usable(self._oldest):
                slot.empty()
                connection = await self._connect(until, is_opening=is_opening)
                slot.fill(connection)
        except BaseException as error:
            self.give_back(slot, error)
            raise
        return slot, connection

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
                    why = await explain_refusal(error, self._without_role, self.role)
                    raise unavailable(self._where, why) from error
                if monotonic() + delay > until:
                    raise unavailable(self._where, str(error)) from error
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
