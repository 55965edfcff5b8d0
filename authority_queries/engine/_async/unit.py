"""Units of work: a connection works for one tenant during a block."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary, ref

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries.engine._async.pipelines import pipeline
from authority_queries.engine._async.tenancy import AsyncTenancy, AsyncUnitStatements
from authority_queries.engine.calls import AsyncLock
from authority_queries.engine.checks import uuid
from authority_queries.engine.errors import (
    CrossTenantError,
    InvalidArgumentError,
    NestedUnitError,
    UnitAbortedError,
)
from authority_queries.engine.forks import check_process, process_of
from authority_queries.engine.statement import ServerErrors
from authority_queries.engine.telemetry import TELEMETRY

OPENING: Final = ServerErrors("tenants.enter")
ENDING: Final = ServerErrors("commit")


class AsyncUnit:
    """A connection's work for one tenant.

    With autocommit each statement is a transaction, which sets the tenant again.
    Otherwise all statements of the unit are one transaction.
    """

    def __init__(
        self,
        connection: AsyncConnection[object],
        tenant_id: UUID,
        statements: AsyncUnitStatements,
        *,
        autocommit: bool,
    ) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self.tenancy = AsyncTenancy(connection, tenant_id, statements)
        self.is_autocommit = autocommit
        self._opening = AsyncExitStack()
        self._owner: tuple[int, object] | None = _current_owner()
        self.turn = AsyncLock()

    @property
    def is_here(self) -> bool:
        """Whether this task or thread, of this process, is inside the unit."""
        return self._owner == _current_owner()

    @property
    def is_over(self) -> bool:
        """Whether the unit's block has ended."""
        return self._owner is None

    def end(self) -> None:
        """Mark the block as ended, and drop the reference to its task or thread."""
        self._owner = None

    def check(self, label: str, parameters: Mapping[str, object]) -> None:
        """Check that a statement is for this tenant, and the transaction still open.

        Raises CrossTenantError, UnitAbortedError.
        """
        if "tenant_id" not in parameters:
            message = f"{label}: the query takes no tenant_id: call it outside a unit"
            raise CrossTenantError(message)
        if parameters["tenant_id"] != self._tenant_id:
            message = f"{label}: tenant_id must be the tenant of the unit of work"
            raise CrossTenantError(message)
        self._check_transaction()

    def _check_transaction(self) -> None:
        """Raise UnitAbortedError after a commit or rollback by hand: no tenant is set.

        Within a pipeline libpq does not know whether a transaction is open.
        """
        if self.is_autocommit or self._is_pipelined:
            return
        if self._status == TransactionStatus.IDLE:
            message = "the transaction of the unit of work was ended inside its block"
            raise UnitAbortedError(message)

    async def settle(self) -> None:
        """Wait for the result of the beginning, if it is outstanding."""
        await self._opening.aclose()
        await self.tenancy.hear()

    async def open(self) -> None:
        """Begin without waiting: the first statement waits for the beginning."""
        _units[self._connection] = ref(self)
        _innermost.set(ref(self))
        if not self.is_autocommit:
            await self._opening.enter_async_context(pipeline(self._connection))
            await self.tenancy.begin()
            await self.tenancy.enter()

    async def finish(self) -> None:
        """Commit. Raises UnitAbortedError when the transaction has failed before."""
        with OPENING:
            await self.settle()
        self._check_transaction()
        if self._status == TransactionStatus.INERROR:
            message = (
                "an error inside the unit of work was caught, and nothing of the unit "
                "is kept: put what may fail in `store.connection.transaction()`"
            )
            raise UnitAbortedError(message)
        if self._status == TransactionStatus.IDLE:
            return
        with TELEMETRY.observe("commit", self._connection), ENDING:
            await self._connection.commit()

    async def leave(self) -> None:
        """Roll back what is not committed. Close the connection where that fails."""
        _units.pop(self._connection, None)
        try:
            with suppress(psycopg.Error):
                await self.settle()
            with suppress(psycopg.Error):
                await self._connection.rollback()
        finally:
            # Also after a second cancellation of the task.
            if self._is_pipelined or self._status != TransactionStatus.IDLE:
                await self._connection.close()

    @property
    def _is_pipelined(self) -> bool:
        return self._connection.pgconn.pipeline_status != PipelineStatus.OFF

    @property
    def _status(self) -> int:
        return self._connection.pgconn.transaction_status


# Weak references: an interrupt may keep a unit from leaving after its block.
_units: Final[WeakKeyDictionary[AsyncConnection[object], ref[AsyncUnit]]] = (
    WeakKeyDictionary()
)
_innermost: Final[ContextVar[ref[AsyncUnit] | None]] = ContextVar(
    "authority_unit", default=None
)


@asynccontextmanager
async def open_unit(
    connection: AsyncConnection[object],
    tenant_id: UUID,
    statements: AsyncUnitStatements,
    *,
    autocommit: bool,
) -> AsyncIterator[None]:
    """Set the connection's tenant during the block.

    Raises InvalidArgumentError for a connection that is in a transaction, not in
    autocommit or not in UTF-8, NestedUnitError for one that works for a tenant already
    or inside another unit, ForkedError for one that the parent process has used.
    """
    uuid("tenant_id", tenant_id)
    refuse_nested_unit()
    process = process_of(connection)
    check_process(process)
    await forget_unit(connection)
    _check_usable(connection)
    unit = AsyncUnit(connection, tenant_id, statements, autocommit=autocommit)
    try:
        await unit.open()
        yield
        check_process(process)
        await unit.finish()
    finally:
        unit.end()  # before anything that may be interrupted
        await unit.leave()


def refuse_nested_unit() -> None:
    """Raise NestedUnitError inside a unit of work of the same task or thread.

    A task that was started inside a unit inherits its context, and may outlive the
    unit: its own unit is not nested.
    """
    found = _innermost.get()
    outer = None if found is None else found()
    if outer is not None and outer.is_here:
        message = "a unit of work is open here already: leave it before the next one"
        raise NestedUnitError(message)


def _current_owner() -> tuple[int, object]:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return os.getpid(), task or threading.current_thread()


def _check_usable(connection: AsyncConnection[object]) -> None:
    if unit_of(connection) is not None:
        message = "a unit of work is open on this connection already"
        raise NestedUnitError(message)
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    if not (connection.autocommit and idle):
        message = "a unit of work needs a connection in autocommit and no transaction"
        raise InvalidArgumentError(message)
    if connection.info.encoding != "utf-8":
        message = "a unit of work needs a connection whose client_encoding is UTF8"
        raise InvalidArgumentError(message)


async def forget_unit(connection: AsyncConnection[object]) -> None:
    """Leave a unit whose end was interrupted before it left."""
    unit = _known(connection)
    if unit is not None and unit.is_over:
        await unit.leave()


def unit_of(connection: AsyncConnection[object]) -> AsyncUnit | None:
    """Return the unit of work that is open on this connection, or None."""
    unit = _known(connection)
    return None if unit is None or unit.is_over else unit


def _known(connection: AsyncConnection[object]) -> AsyncUnit | None:
    found = _units.get(connection)
    return found() if found is not None else None
