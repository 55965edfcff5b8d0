"""Reads on standbys that are fresh enough, instead of on the primary."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import Final
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from authority_queries.engine.calls import AsyncBlock
from authority_queries.errors import (
    ConfigurationError,
    ReplicaLagError,
    RetryableError,
    SchemaVersionError,
    UnavailableError,
)
from authority_queries.queries import server
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.pool import AsyncPool
from authority_queries.service._async.replay import await_replay
from authority_queries.service.positions import Position, Positions
from authority_queries.service.replica_health import Health, ReplicaReads
from authority_queries.service.settings import Settings

# Seconds of silence after which a read gives up a standby, or the primary's position.
_PATIENCE: Final = 1.0
# Errors of a standby that the primary may not have.
_FAILURES: Final = (
    psycopg.Error,
    ConfigurationError,
    RetryableError,
    SchemaVersionError,
    UnavailableError,
)


class AsyncReplica:
    """The pool of the standbys, and what this process knows of the primary's log.

    A read asks a standby only if the standby covers a sample of the primary's log that
    is at most `replica_max_lag` old. One read takes a sample in each quarter of that
    time. Each connection remembers how far its server has replayed, so most reads are
    one trip.
    """

    def __init__(
        self, settings: Settings, role: str, lend: AsyncBlock[AsyncServiceConnection]
    ) -> None:
        described = settings.describe_replica()
        parameters = {"target_session_attrs": "prefer-standby"}
        conninfo = make_conninfo("", **(parameters | settings.replica_parameters))
        # Reads open the connections: a service starts while its standby is away.
        self._pool = AsyncPool(settings, conninfo, role, described)
        self._longest_silence = settings.longest_silence
        self._lend_primary = lend
        self._wait = settings.replica_wait
        self.positions = Positions(settings.replica_max_lag)
        places = max(1, settings.pool_max_size // 2)
        self._health = Health(described, self.positions.interval, places)

    @property
    def reads(self) -> ReplicaReads:
        """The counts of reads on standbys and on the primary."""
        return self._health.reads

    def close(self) -> None:
        """Close the connections to standbys, as `AsyncPool.close`."""
        self._pool.close()

    @asynccontextmanager
    async def attempt(
        self, tenant_id: UUID, after: str | None
    ) -> AsyncIterator[AsyncServiceConnection | None]:
        """Lend a connection to a fresh standby, or None, for one statement.

        A failure of the standby ends the block without an error. The caller then asks
        the primary.
        """
        async with AsyncExitStack() as stack:
            connection = await self._borrow(stack, tenant_id, after)
            try:
                yield connection
                self._health.standby += connection is not None
            except _FAILURES as error:
                if connection is None:
                    raise
                self._note(error)

    @asynccontextmanager
    async def route(
        self, tenant_id: UUID, *, read_only: bool, after: str | None
    ) -> AsyncIterator[AsyncServiceConnection]:
        """Lend a connection for a unit: to a fresh standby if the unit only reads."""
        async with AsyncExitStack() as stack:
            connection = None
            if read_only:
                connection = await self._borrow(stack, tenant_id, after)
                self._health.standby += connection is not None
            else:
                stack.enter_context(self.positions.writing(tenant_id))
            if connection is None:
                connection = await stack.enter_async_context(self._lend_primary())
            connection.longest_silence = self._longest_silence
            yield connection

    async def _borrow(
        self, stack: AsyncExitStack, tenant_id: UUID, after: str | None
    ) -> AsyncServiceConnection | None:
        """Return a connection to a fresh standby, or None, without an error."""
        await self._sample()
        now = monotonic()
        required = self.positions.required(tenant_id, now)
        if required is None:
            self._health.written += 1
            return None
        asked = required if after is None else required.join(Position.parse(after))
        if not self._health.admits(asked, now):
            return None
        if required.covers(asked):
            return await self._take(stack, asked)
        with self._health.place() as has_place:
            return await self._take(stack, asked) if has_place else None

    async def _take(
        self, stack: AsyncExitStack, required: Position
    ) -> AsyncServiceConnection | None:
        """Return a connection to a standby that has replayed this, or None."""
        try:
            lent = self._pool.lend(self._wait)
            connection = await stack.enter_async_context(lent)
            connection.longest_silence = _PATIENCE
            is_fresh = await self._has_replayed(connection, required)
        except _FAILURES as error:
            self._note(error)
            return None
        self._health.answer()
        if not is_fresh:
            self._health.lag(required, monotonic())
            await stack.aclose()  # the primary's read does not need it
            return None
        return connection

    async def _has_replayed(
        self, connection: AsyncServiceConnection, required: Position
    ) -> bool:
        if connection.replayed.covers(required):
            return True
        try:
            found = await await_replay(
                connection, lsn=str(required), within=timedelta(seconds=self._wait)
            )
        except ReplicaLagError:
            return False
        connection.replayed = Position.parse(found.lsn)
        return True

    async def _sample(self) -> None:
        """Ask the primary where its log ends, if it is time. An error is no sample."""
        if not self.positions.is_due(monotonic()):
            return
        try:
            async with self._lend_primary(_PATIENCE) as connection:
                asked_at = monotonic()
                lsn = await server.get_lsn_async(connection)
        except _FAILURES:
            return
        self.positions.add(asked_at, Position.parse(lsn))

    def _note(self, error: Exception) -> None:
        """Note why a standby did not answer. Conflicts and a full pool pass soon."""
        is_busy = isinstance(error, UnavailableError) and error.__cause__ is None
        if is_busy or isinstance(error, RetryableError):
            self._health.lagging += 1
        else:
            self._health.fail(error, monotonic())
