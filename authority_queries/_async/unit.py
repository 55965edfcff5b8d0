"""A connection that works for one tenant, and how PostgreSQL learns which."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from authority_queries._calls import AsyncCall
from authority_queries._statement import ServerErrors
from authority_queries.errors import CrossTenantError, UnitAbortedError

_OPENING: Final = ServerErrors("tenants.enter")


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
        self._autocommit = autocommit
        self._opening = AsyncExitStack()

    def check(self, label: str, parameters: Mapping[str, object]) -> None:
        """Refuse a statement of another tenant, or of none. Raises CrossTenantError."""
        if "tenant_id" not in parameters:
            message = f"{label}: not a statement of one tenant, but in a unit of one"
            raise CrossTenantError(message)
        if parameters["tenant_id"] != self._tenant_id:
            message = f"{label}: the unit of work is another tenant's"
            raise CrossTenantError(message)

    @asynccontextmanager
    async def trip(self) -> AsyncIterator[None]:
        """Let the statement of the block travel with what it needs before it."""
        if self._autocommit:
            async with self._connection.pipeline():
                await self.enter()
                yield
        else:
            yield
            await self.settle()

    async def settle(self) -> None:
        """Wait for the beginning, if it is under way."""
        await self._opening.aclose()

    async def open(self) -> None:
        """Begin, and leave it to the first statement to wait for it."""
        _units[self._connection] = self
        if not self._autocommit:
            pipeline = self._connection.pipeline()
            await self._opening.enter_async_context(pipeline)
            await self._begin()
            await self.enter()

    async def finish(self) -> None:
        """Commit. Raises UnitAbortedError when PostgreSQL has given up before."""
        with _OPENING:
            await self.settle()
        if self._connection.info.transaction_status == TransactionStatus.INERROR:
            message = (
                "an error inside the unit of work was caught, and nothing of the unit "
                "is kept: put what may fail in `store.connection.transaction()`"
            )
            raise UnitAbortedError(message)
        await self._connection.commit()

    async def leave(self) -> None:
        """Roll back what is not committed, or else close: nothing of it may stay."""
        del _units[self._connection]
        with suppress(psycopg.Error):
            await self.settle()
        with suppress(psycopg.Error):
            await self._connection.rollback()
        if self._connection.info.transaction_status != TransactionStatus.IDLE:
            await self._connection.close()


_units: Final[WeakKeyDictionary[AsyncConnection[object], AsyncUnit]] = (
    WeakKeyDictionary()
)
unit_of: Final = _units.get
