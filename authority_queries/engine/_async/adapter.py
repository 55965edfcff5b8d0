"""How aiosql's functions reach psycopg: the one place where statements are executed."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiosql.types import SQLOperationType
from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import Format

from authority_queries.engine._async.cursors import AsyncOwnCursor, AsyncQueueingCursor
from authority_queries.engine._async.custom_types import AsyncCustomTypes
from authority_queries.engine._async.pipelines import pipeline, queue
from authority_queries.engine._async.pooler_detection import look, prepares
from authority_queries.engine._async.transactions import (
    finish_pipeline,
    opened_stream,
    own_transaction,
    trip,
)
from authority_queries.engine._async.unit import AsyncUnit, unit_of
from authority_queries.engine.calls import AsyncStream
from authority_queries.engine.direct_connections import is_direct
from authority_queries.engine.errors import CardinalityError
from authority_queries.engine.sql_text import processed
from authority_queries.engine.statement import Statement


class AsyncAdapter:
    """aiosql's adapter for the statements of one file.

    Results and errors are the same in both forms: aiosql makes its plain functions
    for this adapter, asynchronous or not, and they hand on what its methods return.
    """

    is_aio_driver = False

    def __init__(self, path: Path, types: AsyncCustomTypes) -> None:
        self.by_name: dict[str, Statement] = {}
        self._by_script: dict[str, Statement] = {}
        self._path = path
        self._types = types

    def process_sql(self, query_name: str, op_type: SQLOperationType, sql: str) -> str:
        """Make the text that psycopg gets; it carries the statement's name."""
        statement = Statement(self._path, query_name, sql)
        text = processed(statement.label, op_type, sql)
        self.by_name[query_name] = statement
        if op_type is SQLOperationType.SCRIPT:
            # All that aiosql will say of it; unique, as the name is in it.
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
        """Give all rows."""
        statement = self.by_name[query_name]
        cursor = await self._execute(conn, statement, sql, parameters)
        with statement.reading:
            return await cursor.fetchall()

    async def select_one(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
        _record_class: None = None,
    ) -> object:
        """Give the only row, or None. Raises CardinalityError."""
        statement = self.by_name[query_name]
        cursor = await self._execute(conn, statement, sql, parameters)
        with statement.reading:
            row = await cursor.fetchone()
        if row is None and statement.is_sure:
            message = f"{statement.label}: nothing where a row is promised"
            raise CardinalityError(message)
        # Not rowcount, which some statements that give rows do not have.
        result = cursor.pgresult
        if result is not None and result.ntuples > 1:
            count = result.ntuples
            message = f"{statement.label}: {count} rows where at most one is promised"
            raise CardinalityError(message)
        return row

    # They differ by the statement's row factory only.
    select_value = select_one
    insert_returning = select_one

    def select_cursor(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
    ) -> Callable[[int], AsyncStream[object]]:
        """Give what opens the stream, for the number of rows per trip."""
        return partial(self._stream, conn, query_name, sql, parameters)

    async def insert_update_delete(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
    ) -> int:
        """Give the number of rows that changed; 0 for a statement that has none."""
        statement = self.by_name[query_name]
        cursor = await self._execute(conn, statement, sql, parameters)
        if cursor.pgresult is None:
            with statement.reading:
                await finish_pipeline(conn)
        return max(cursor.rowcount, 0)

    async def insert_update_delete_many(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        rows: Iterable[Mapping[str, object]],
    ) -> int:
        """Give the number of rows that changed in all; nothing is changed by halves."""
        # A list: the rows may come from this connection, which is not free meanwhile.
        batch = [*rows]
        if not batch:
            return 0
        statement = self.by_name[query_name]
        await self._prepare(conn, statement, *batch)
        if is_direct(conn) is None:
            # psycopg prepares what a batch executes.
            with statement.sending:
                await look(conn)
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
        """Give the number of rows that were written: all of them or none."""
        statement = self.by_name[query_name]
        await self._prepare(conn, statement, {})
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
        with statement.sending:
            await AsyncOwnCursor(conn).execute(sql, prepare=False)

    async def send(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
    ) -> None:
        """Have a statement sent before the next one in an open pipeline, unanswered."""
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

    async def _execute(
        self,
        conn: AsyncConnection[object],
        statement: Statement,
        sql: str,
        parameters: Mapping[str, object],
    ) -> AsyncCursor[object]:
        unit = _admit(conn, statement, parameters)
        if self._types:
            await self._types.learn(conn)
        kind = AsyncOwnCursor if unit is None else AsyncQueueingCursor
        cursor = kind(conn, row_factory=statement.make_row)
        cursor.format = Format.BINARY
        with statement.sending:
            if unit is None:
                prepare = None if await prepares(conn) else False
                return await cursor.execute(sql, parameters, prepare=prepare)
            async with unit.turn, trip(conn, unit):
                prepare = None if is_direct(conn) else False
                return await cursor.execute(sql, parameters, prepare=prepare)

    async def _prepare(
        self,
        conn: AsyncConnection[object],
        statement: Statement,
        *rows: Mapping[str, object],
    ) -> None:
        """Do what comes before a statement that has its own way to be executed."""
        if unit := _admit(conn, statement, *rows):
            with statement.sending:
                await unit.settle()
        if self._types:
            await self._types.learn(conn)


def _admit(
    conn: AsyncConnection[object], statement: Statement, *rows: Mapping[str, object]
) -> AsyncUnit | None:
    """Announce the statement, refuse what may not be sent, and give its unit."""
    statement.announce()
    unit = unit_of(conn)
    for parameters in rows:
        statement.check(parameters)
        if unit is not None:
            unit.check(statement.label, parameters)
    return unit
