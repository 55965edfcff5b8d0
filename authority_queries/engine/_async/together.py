"""Several calls in one trip."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import Final

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import Format, PipelineStatus

from authority_queries.engine._async.cursors import AsyncQueueingCursor
from authority_queries.engine._async.pipelines import pipeline
from authority_queries.engine._async.transactions import trip
from authority_queries.engine._async.unit import AsyncUnit, unit_of
from authority_queries.engine.calls import AsyncCall
from authority_queries.engine.direct_connections import is_direct
from authority_queries.engine.errors import InvalidArgumentError
from authority_queries.engine.refusals import wrong_type
from authority_queries.engine.statement import Statement
from authority_queries.engine.telemetry import TELEMETRY

_Sent = tuple[Statement, AsyncCursor[object]]


class _WaitingError(BaseException):
    """A call has sent its statement and would wait for the result.

    No error of the call: nothing but `together` may catch it.
    """


class AsyncTogether:
    """The statements of several calls, each of which runs twice.

    A call cannot pause where it waits for its result in a form that is both blocking
    and asynchronous. So it is first run until it has sent its statement, and then again
    with the result.
    """

    def __init__(self) -> None:
        self._sent: _Sent | None = None
        self.is_sending = True

    def received(self, statement: Statement) -> AsyncCursor[object] | None:
        """Return the cursor with the result of the statement that the call has sent.

        None while it is to be sent, and for a further statement of the same call.
        """
        if self.is_sending or self._sent is None or self._sent[0] is not statement:
            return None
        (_, cursor), self._sent = self._sent, None
        return cursor

    async def send(
        self,
        conn: AsyncConnection[object],
        statement: Statement,
        sql: str,
        parameters: Mapping[str, object],
    ) -> None:
        """Send the call's statement, and end the call."""
        cursor = AsyncQueueingCursor(conn, row_factory=statement.row_factory)
        cursor.format = Format.BINARY
        with statement.sending:
            prepare = None if is_direct(conn) else False
            await cursor.execute(sql, parameters, prepare=prepare)
        self._sent = statement, cursor
        raise _WaitingError

    async def run(
        self, conn: AsyncConnection[object], calls: Sequence[AsyncCall[object]]
    ) -> list[object]:
        """Return the results of the calls. Raises the first statement's error."""
        unit = unit_of(conn)
        if unit is None or _current.get() is not None:
            message = "together: call it in a unit of work, and not in another together"
            raise InvalidArgumentError(message)
        for call in calls:
            if not callable(call):
                raise wrong_type("calls", "functions without arguments", call)
        token = _current.set(self)
        try:
            with TELEMETRY.observe("together", conn):
                sent = await self._send(conn, unit, calls)
            self.is_sending = False
            return [
                await self._read(call, each)
                for call, each in zip(calls, sent, strict=True)
            ]
        finally:
            _current.reset(token)

    async def _send(
        self,
        conn: AsyncConnection[object],
        unit: AsyncUnit,
        calls: Sequence[AsyncCall[object]],
    ) -> list[_Sent | None]:
        sent: list[_Sent | None] = []
        try:
            async with unit.turn, trip(conn, unit), AsyncExitStack() as stack:
                if conn.info.pipeline_status == PipelineStatus.OFF:
                    await stack.enter_async_context(pipeline(conn))
                for call in calls:
                    sent.append(await self._start(call))
        except psycopg.Error as error:
            failed = _first_without_result(sent)
            if failed is None:
                raise
            with failed.reading:
                raise error from None
        return sent

    async def _start(self, call: AsyncCall[object]) -> _Sent | None:
        """Run the call until it waits. None for a call without a statement."""
        self._sent = None
        try:
            await call()
        except _WaitingError:
            return self._sent
        return None

    async def _read(self, call: AsyncCall[object], sent: _Sent | None) -> object:
        self._sent = sent
        return await call()


def _first_without_result(sent: Sequence[_Sent | None]) -> Statement | None:
    for each in sent:
        if each is not None and each[1].pgresult is None:
            return each[0]
    return None


_current: Final[ContextVar[AsyncTogether | None]] = ContextVar(
    "authority_together", default=None
)


def received_together(statement: Statement) -> AsyncCursor[object] | None:
    """Return the result that `together` has received for this statement, or None."""
    together = _current.get()
    return None if together is None else together.received(statement)


async def send_together(
    conn: AsyncConnection[object],
    statement: Statement,
    sql: str,
    parameters: Mapping[str, object],
) -> None:
    """Within the first run of `together`, send the statement and end the call."""
    together = _current.get()
    if together is not None and together.is_sending:
        await together.send(conn, statement, sql, parameters)
