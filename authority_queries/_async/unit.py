"""A connection that works for one tenant, and how PostgreSQL learns which."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries._calls import AsyncCall, AsyncLock
from authority_queries._statement import ServerErrors
from authority_queries.errors import CrossTenantError, UnitAbortedError

_OPENING: Final = ServerErrors("tenants.enter")
_ENDING: Final = ServerErrors("commit")


class AsyncUnit:
    """What a connection is held to while it works for one tenant.

    `begin` and `enter` send a statement and do not wait for what comes back. In
    autocommit each statement is a transaction of its own, told the tenant anew.
    """

    def __init__(
        self,
        connection: AsyncConnection[object],
        tenant_id: UUID,
        *,
        autocommit: bool,
        begin: AsyncCall[None],
        enter: AsyncCall[None],
    ) -> None:
        self.enter = enter
        self._begin = begin
        self._connection = connection
        self._tenant_id = tenant_id
        self.is_autocommit = autocommit
        self._opening = AsyncExitStack()
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
            try:
                async with _pipeline(self._connection):
                    await self.enter()
                    yield
            except psycopg.Error:
                with suppress(psycopg.Error):
                    await self._forget_prepared()
                raise
            return
        try:
            yield
            await self.settle()
        except psycopg.Error:
            # What came too early for the end of the pipeline: no statement runs in it.
            with suppress(psycopg.Error):
                await self.settle()
            raise

    async def _forget_prepared(self) -> None:
        """Have psycopg forget what it has prepared: a rollback does.

        Of a statement that PostgreSQL skipped, because the tenant before it was
        refused, psycopg believes that it is prepared, and would fail at each later use.
        """
        await self._begin()
        await self._connection.rollback()

    async def settle(self) -> None:
        """Wait for the beginning, if it is under way."""
        await self._opening.aclose()

    async def open(self) -> None:
        """Begin, and leave it to the first statement to wait for it."""
        _units[self._connection] = self
        if not self.is_autocommit:
            await self._opening.enter_async_context(_pipeline(self._connection))
            await self._begin()
            await self.enter()

    async def finish(self) -> None:
        """Commit. Raises UnitAbortedError when PostgreSQL has given up before."""
        with _OPENING:
            await self.settle()
        self._check_transaction()
        if self._status == TransactionStatus.INERROR:
            message = (
                "an error inside the unit of work was caught, and nothing of the unit "
                "is kept: put what may fail in `store.connection.transaction()`"
            )
            raise UnitAbortedError(message)
        with _ENDING:
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


@asynccontextmanager
async def _pipeline(connection: AsyncConnection[object]) -> AsyncIterator[None]:
    """Open a pipeline, out of which what has interrupted it comes as itself.

    A cancellation, Ctrl-C, what a signal's handler raises: psycopg cannot leave a
    pipeline that is interrupted, and raises that instead. It leaves one that
    PostgreSQL has given up, but not quietly when told why.
    """
    handled, refusal = sys.exception(), None
    try:
        async with connection.pipeline():
            try:
                yield
            except psycopg.Error as error:
                refusal = error
    except psycopg.Error as error:
        interruption = error.__context__
        if refusal is None:
            # The caller may be handling one, and this is an error of its own; so is
            # what psycopg raises `from` another.
            if interruption in (None, handled) or error.__suppress_context__:
                raise
            raise interruption from None
    if refusal is not None:
        raise refusal


_units: Final[WeakKeyDictionary[AsyncConnection[object], AsyncUnit]] = (
    WeakKeyDictionary()
)


async def forget_unit(connection: AsyncConnection[object]) -> None:
    """Clean up after a unit whose end was interrupted before it could do so."""
    unit = _units.get(connection)
    if unit is not None and unit.is_over:
        await unit.leave()


def unit_of(connection: AsyncConnection[object]) -> AsyncUnit | None:
    """Give the unit of work that is open on this connection."""
    unit = _units.get(connection)
    return None if unit is None or unit.is_over else unit
