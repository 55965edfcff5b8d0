"""The statements that begin and end a tenant's transactions on a connection."""

from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor

from authority_queries.engine._async.pooler_detection import ask, hear
from authority_queries.engine.calls import AsyncCall
from authority_queries.engine.direct_connections import is_direct


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncUnitStatements:
    """The statements of a schema that begin and end a unit's transactions.

    Each is sent in an open pipeline without waiting for its result. `enter` takes
    `tenant_id` and sets the tenant for the rest of the transaction.
    """

    begin: AsyncCall[None]
    begin_on_standby: AsyncCall[None]
    enter: AsyncCall[None]
    commit: AsyncCall[None]


class AsyncTenancy:
    """Sends these statements for one tenant on one connection."""

    def __init__(
        self,
        connection: AsyncConnection[object],
        tenant_id: UUID,
        statements: AsyncUnitStatements,
    ) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._statements = statements
        self._asked: AsyncCursor[int] | None = None

    async def begin(self) -> None:
        """Send the beginning of a transaction."""
        is_on_standby = self._connection.info.parameter_status("in_hot_standby") == "on"
        statements = self._statements
        send = statements.begin_on_standby if is_on_standby else statements.begin
        await send(self._connection)

    async def enter(self) -> None:
        """Send the statement that sets the tenant.

        Where it is not known whether psycopg may prepare statements on the connection,
        the question is sent, too. `hear` takes the answer.
        """
        await self._statements.enter(self._connection, tenant_id=self._tenant_id)
        if is_direct(self._connection) is None:
            self._asked = await ask(self._connection)

    async def hear(self) -> None:
        """Take the answer to the question that `enter` sent, which has arrived."""
        asked, self._asked = self._asked, None
        if asked is not None:
            await hear(asked)

    async def commit(self) -> None:
        """Send the end of a transaction."""
        await self._statements.commit(self._connection)
