"""aiosql's driver adapter. Every statement is executed here."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiosql.types import SQLOperationType
from psycopg import AsyncConnection

from authority_queries.engine._async.cursors import AsyncOwnCursor, AsyncQueueingCursor
from authority_queries.engine._async.custom_types import AsyncCustomTypes
from authority_queries.engine._async.execution import admit, changed, fetched
from authority_queries.engine._async.pipelines import pipeline, queue
from authority_queries.engine._async.pooler_detection import look
from authority_queries.engine._async.together import received_together, send_together
from authority_queries.engine._async.transactions import (
    opened_stream,
    own_transaction,
)
from authority_queries.engine.calls import AsyncStream
from authority_queries.engine.direct_connections import is_direct
from authority_queries.engine.errors import CardinalityError
from authority_queries.engine.sql_text import processed
from authority_queries.engine.statement import Statement
from authority_queries.engine.telemetry import TELEMETRY


class AsyncAdapter:
    """aiosql's adapter for the statements of one file.

    aiosql makes its synchronous kind of functions for this adapter, in both forms. They
    return what its methods return, which may be an awaitable.
    """

    is_aio_driver = False

    def __init__(self, path: Path, types: AsyncCustomTypes) -> None:
        self.by_name: dict[str, Statement] = {}
        self._by_script: dict[str, Statement] = {}
        self._path = path
        self._types = types

    def process_sql(self, query_name: str, op_type: SQLOperationType, sql: str) -> str:
        """Return the text that is sent, which carries the statement's name."""
        statement = Statement(self._path, query_name, sql)
        text = processed(statement.label, op_type, sql)
        self.by_name[query_name] = statement
        if op_type is SQLOperationType.SCRIPT:
            # aiosql passes only the text of a script. The name in it makes it unique.
            self._by_script[text] = statement
        return text

    async def select(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
        _record_class: None = None,
    ) -> list[object]:
        """Return all rows."""
        return await self._rows(conn, self.by_name[query_name], sql, parameters)

    async def select_one(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
        _record_class: None = None,
    ) -> object:
        """Return the only row, or None. Raises CardinalityError."""
        statement = self.by_name[query_name]
        rows = await self._rows(conn, statement, sql, parameters)
        if len(rows) > 1:
            count = len(rows)
            message = f"{statement.label}: the statement returned {count} rows, not one"
            raise CardinalityError(message)
        row = rows[0] if rows else None
        if row is None and statement.is_sure:
            message = f"{statement.label}: the statement returned no row, not one"
            raise CardinalityError(message)
        return row

    # Only the statement's row factory differs.
    select_value = select_one
    insert_returning = select_one

    def select_cursor(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
    ) -> Callable[[int], AsyncStream[object]]:
        """Return the function that opens the stream. It takes the rows per trip."""
        return partial(self._stream, conn, query_name, sql, parameters)

    async def insert_update_delete(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
    ) -> int:
        """Return the number of changed rows, 0 for a statement without a count."""
        statement = self.by_name[query_name]
        if received := received_together(statement):
            return max(received.rowcount, 0)
        unit = admit(conn, statement, parameters)
        if self._types:
            await self._types.learn(conn)
        if unit is not None:
            await send_together(conn, statement, sql, parameters)
        if TELEMETRY.observer is None:
            return await changed(conn, statement, unit, sql, parameters)
        with TELEMETRY.observe(statement.label, conn):
            return await changed(conn, statement, unit, sql, parameters)

    async def insert_update_delete_many(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        rows: Iterable[Mapping[str, object]],
    ) -> int:
        """Return the number of changed rows of all executions: all happen or none."""
        # A list: the iterable may read from this connection, which is busy below.
        batch = [*rows]
        if not batch:
            return 0
        statement = self.by_name[query_name]
        await self._prepare(conn, statement, *batch)
        if is_direct(conn) is None:
            # psycopg prepares the statement of a batch.
            with statement.sending:
                await look(conn)
        with TELEMETRY.observe(statement.label, conn):
            cursor = AsyncOwnCursor(conn)
            with statement.sending:
                async with own_transaction(conn), pipeline(conn):
                    await cursor.executemany(sql, batch)
        return max(cursor.rowcount, 0)

    async def copy(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        rows: Iterable[Sequence[object]],
        types: Sequence[str],
    ) -> int:
        """Return the number of written rows: all are written or none."""
        statement = self.by_name[query_name]
        await self._prepare(conn, statement, {})
        with TELEMETRY.observe(statement.label, conn):
            cursor = AsyncOwnCursor(conn)
            with statement.reading:
                async with cursor.copy(sql) as copy:
                    if types:
                        copy.set_types(types)
                    for row in rows:
                        with statement.sending:
                            await copy.write_row(row)
        return cursor.rowcount

    async def execute_script(self, conn: AsyncConnection[object], sql: str) -> None:
        """Execute several statements at once, without parameters."""
        statement = self._by_script[sql]
        await self._prepare(conn, statement, {})
        with TELEMETRY.observe(statement.label, conn), statement.sending:
            await AsyncOwnCursor(conn).execute(sql, prepare=False)

    async def send(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
    ) -> None:
        """Queue a statement in the open pipeline. The next statement sends it."""
        statement = self.by_name[query_name]
        statement.announce()
        if not parameters:
            await queue(conn, sql.encode())
            return
        prepare = None if is_direct(conn) else False
        with statement.sending:
            await AsyncQueueingCursor(conn).execute(sql, parameters, prepare=prepare)

    @asynccontextmanager
    async def _stream(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
        size: int,
    ) -> AsyncIterator[AsyncIterator[object]]:
        statement = self.by_name[query_name]
        await self._prepare(conn, statement, parameters)
        async with opened_stream(conn, statement, sql, parameters, size) as rows:
            yield rows

    async def _rows(
        self,
        conn: AsyncConnection[object],
        statement: Statement,
        sql: str,
        parameters: Mapping[str, object],
    ) -> list[object]:
        if received := received_together(statement):
            with statement.reading:
                return await received.fetchall()
        unit = admit(conn, statement, parameters)
        if self._types:
            await self._types.learn(conn)
        if unit is not None:
            await send_together(conn, statement, sql, parameters)
        if TELEMETRY.observer is None:
            return await fetched(conn, statement, unit, sql, parameters)
        with TELEMETRY.observe(statement.label, conn) as operation:
            rows = await fetched(conn, statement, unit, sql, parameters)
            if operation is not None:
                operation.returned(rows)
            return rows

    async def _prepare(
        self,
        conn: AsyncConnection[object],
        statement: Statement,
        *rows: Mapping[str, object],
    ) -> None:
        """Check and announce a statement that is not executed by `_execute`."""
        if unit := admit(conn, statement, *rows):
            with statement.sending:
                await unit.settle()
        if self._types:
            await self._types.learn(conn)
