"""Executes a statement: quickly outside units and pipelines, or with a cursor."""

from collections.abc import Mapping

from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import Format

from authority_queries.engine._async.cursors import AsyncOwnCursor, AsyncQueueingCursor
from authority_queries.engine._async.pooler_detection import prepares
from authority_queries.engine._async.transactions import finish_pipeline, trip
from authority_queries.engine._async.unit import AsyncUnit, unit_of
from authority_queries.engine.direct_connections import is_direct
from authority_queries.engine.exchanges import NO_TRACEBACK, Exchange, exchange_of
from authority_queries.engine.statement import Statement


async def fetched(
    conn: AsyncConnection[object],
    statement: Statement,
    unit: AsyncUnit | None,
    sql: str,
    parameters: Mapping[str, object],
) -> list[object]:
    """Execute the statement, and return all rows."""
    make = statement.maker
    if make is not None and (exchange := _exchange_of(conn, unit)):
        await _run(conn, statement, exchange, sql, parameters)
        with statement.reading:
            rows = exchange.rows(make)
        exchange.end(conn)
        return rows
    cursor = await _execute(conn, statement, unit, sql, parameters)
    with statement.reading:
        rows = await cursor.fetchall()
    # The next execution needs no cursor to make the same records.
    statement.maker = cursor._make_row
    return rows


async def changed(
    conn: AsyncConnection[object],
    statement: Statement,
    unit: AsyncUnit | None,
    sql: str,
    parameters: Mapping[str, object],
) -> int:
    """Execute the statement, and return the number of changed rows, or 0."""
    if exchange := _exchange_of(conn, unit):
        await _run(conn, statement, exchange, sql, parameters)
        count = exchange.count()
        exchange.end(conn)
        return count
    cursor = await _execute(conn, statement, unit, sql, parameters)
    if cursor.pgresult is None:
        with statement.reading:
            await finish_pipeline(conn)
    return max(cursor.rowcount, 0)


def _exchange_of(
    conn: AsyncConnection[object], unit: AsyncUnit | None
) -> Exchange | None:
    return exchange_of(conn) if unit is None else None


async def _run(
    conn: AsyncConnection[object],
    statement: Statement,
    exchange: Exchange,
    sql: str,
    parameters: Mapping[str, object],
) -> None:
    """Execute the statement without a cursor. The exchange has its result then."""
    with statement.sending:
        prepare = None if is_direct(conn) or await prepares(conn) else False
        query = exchange.converted(sql, parameters)
        try:
            async with conn.lock:
                await conn.wait(exchange.run(conn, query, prepare=prepare))
        except NO_TRACEBACK as error:
            error.__traceback__ = None  # it would hold the connection
            raise


async def _execute(
    conn: AsyncConnection[object],
    statement: Statement,
    unit: AsyncUnit | None,
    sql: str,
    parameters: Mapping[str, object],
) -> AsyncCursor[object]:
    """Execute the statement with a cursor, which units and pipelines need."""
    kind = AsyncOwnCursor if unit is None else AsyncQueueingCursor
    cursor = kind(conn, row_factory=statement.row_factory)
    cursor.format = Format.BINARY
    with statement.sending:
        if unit is None:
            prepare = None if await prepares(conn) else False
            return await cursor.execute(sql, parameters, prepare=prepare)
        async with unit.turn, trip(conn, unit):
            prepare = None if is_direct(conn) else False
            return await cursor.execute(sql, parameters, prepare=prepare)


def admit(
    conn: AsyncConnection[object], statement: Statement, *rows: Mapping[str, object]
) -> AsyncUnit | None:
    """Announce the statement, check its parameters, and return the open unit."""
    statement.announce()
    unit = unit_of(conn)
    for parameters in rows:
        statement.check(parameters)
        if unit is not None:
            unit.check(statement.label, parameters)
    return unit
