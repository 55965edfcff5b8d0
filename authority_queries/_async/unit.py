"""A connection that works for one tenant, and how PostgreSQL learns which."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary, ref

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries._async.pipelines import pipeline
from authority_queries._async.preparing import ask, hear
from authority_queries._calls import AsyncCall, AsyncLock
from authority_queries._preparing import is_direct
from authority_queries._statement import ServerErrors
from authority_queries.errors import CrossTenantError, UnitAbortedError

OPENING: Final = ServerErrors("tenants.enter")
ENDING: Final = ServerErrors("commit")


class AsyncUnit:
    """What a connection is held to while it works for one tenant.

    `begin`, `enter` and `commit` send a statement and do not wait for what comes back.
    In autocommit each statement is a transaction of its own, told the tenant anew.
    """

    def __init__(
        self,
        connection: AsyncConnection[object],
        tenant_id: UUID,
        *,
        autocommit: bool,
        begin: AsyncCall[None],
        enter: AsyncCall[None],
        commit: AsyncCall[None],
    ) -> None:
        self.begin = begin
        self.enter = enter
        self._commit = commit
        self._connection = connection
        self._tenant_id = tenant_id
        self.is_autocommit = autocommit
        self._opening = AsyncExitStack()
        self._asked: AsyncCursor[int] | None = None
        self.is_over = False
        self.turn = AsyncLock()

    def check(self, label: str, parameters: Mapping[str, object]) -> None:
        """Refuse a statement of another tenant, or of none, or after the unit's end.

        Raises CrossTenantError, UnitAbortedError.
        """
        if "tenant_id" not in parameters:
            message = f"{label}: not a statement of one tenant, but in a unit of one"
            raise CrossTenantError(message)
        if parameters["tenant_id"] != self._tenant_id:
            message = f"{label}: the unit of work is another tenant's"
            raise CrossTenantError(message)
        self._check_transaction()

    def _check_transaction(self) -> None:
        """Tell who commits or rolls back by hand, after which no tenant is set.

        Within a pipeline libpq does not know whether there is a transaction.
        """
        if self.is_autocommit or self._is_pipelined:
            return
        if self._status == TransactionStatus.IDLE:
            message = "the transaction of the unit of work was ended inside its block"
            raise UnitAbortedError(message)

    @asynccontextmanager
    async def trip(self) -> AsyncIterator[None]:
        """Let the statement of the block travel with what it needs before it.

        One at a time, by `turn`: the pipelines of two tasks would be one.
        """
        if self.is_autocommit:
            async with self._whole_transaction():
                yield
            return
        try:
            yield
            await self.settle()
        except psycopg.Error:
            # What came too early for the end of the pipeline: no statement runs in it.
            with suppress(psycopg.Error):
                await self.settle()
            raise

    @asynccontextmanager
    async def _whole_transaction(self) -> AsyncIterator[None]:
        """Send BEGIN, the statement of the block and COMMIT in one trip.

        Not the implicit transaction of a pipeline, whose isolation is the session's,
        and whose commit fails where psycopg expects no error. In a transaction of the
        caller's there is no other one.
        """
        is_own = False
        try:
            async with pipeline(self._connection):
                is_own = self._status == TransactionStatus.IDLE
                if is_own:
                    await self.begin()
                await self._enter()
                yield
                if is_own:
                    await self._commit()
        except Exception:
            if is_own:
                # Also psycopg forgets what it has prepared: of a statement that was
                # skipped behind a refusal it would believe that it is.
                with suppress(psycopg.Error):
                    await self._connection.rollback()
            raise
        await self._hear()

    async def settle(self) -> None:
        """Wait for the beginning, if it is under way."""
        await self._opening.aclose()
        await self._hear()

    async def open(self) -> None:
        """Begin, and leave it to the first statement to wait for it."""
        _units[self._connection] = ref(self)
        if not self.is_autocommit:
            await self._opening.enter_async_context(pipeline(self._connection))
            await self.begin()
            await self._enter()

    async def _enter(self) -> None:
        """Name the tenant, and ask a connection of others whether it may prepare."""
        await self.enter()
        if is_direct(self._connection) is None:
            self._asked = await ask(self._connection)

    async def _hear(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            await hear(asked)

    async def finish(self) -> None:
        """Commit. Raises UnitAbortedError when PostgreSQL has given up before."""
        with OPENING:
            await self.settle()
        self._check_transaction()
        if self._status == TransactionStatus.INERROR:
            message = (
                "an error inside the unit of work was caught, and nothing of the unit "
                "is kept: put what may fail in `store.connection.transaction()`"
            )
            raise UnitAbortedError(message)
        with ENDING:
            await self._connection.commit()

    async def leave(self) -> None:
        """Roll back what is not committed, or else close: nothing of it may stay."""
        _units.pop(self._connection, None)
        try:
            with suppress(psycopg.Error):
                await self.settle()
            with suppress(psycopg.Error):
                await self._connection.rollback()
        finally:
            # Also when the task is cancelled again meanwhile.
            if self._is_pipelined or self._status != TransactionStatus.IDLE:
                await self._connection.close()

    @property
    def _is_pipelined(self) -> bool:
        return self._connection.pgconn.pipeline_status != PipelineStatus.OFF

    @property
    def _status(self) -> int:
        return self._connection.pgconn.transaction_status


# Weakly: an interrupt may keep a unit from leaving, though its block has ended.
_units: Final[WeakKeyDictionary[AsyncConnection[object], ref[AsyncUnit]]] = (
    WeakKeyDictionary()
)


async def forget_unit(connection: AsyncConnection[object]) -> None:
    """Clean up after a unit whose end was interrupted before it could do so."""
    unit = _known(connection)
    if unit is not None and unit.is_over:
        await unit.leave()


def unit_of(connection: AsyncConnection[object]) -> AsyncUnit | None:
    """Give the unit of work that is open on this connection."""
    unit = _known(connection)
    return None if unit is None or unit.is_over else unit


def _known(connection: AsyncConnection[object]) -> AsyncUnit | None:
    found = _units.get(connection)
    return found() if found is not None else None
