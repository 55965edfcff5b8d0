"""Transactions of the engine, and the statements that need one."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from itertools import count
from typing import Final

import psycopg
from psycopg import AsyncConnection, AsyncServerCursor
from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries.engine._async.cursors import AsyncOwnServerCursor
from authority_queries.engine._async.pipelines import pipeline
from authority_queries.engine._async.unit import OPENING, AsyncUnit, unit_of
from authority_queries.engine.errors import InvalidArgumentError
from authority_queries.engine.statement import Statement
from authority_queries.engine.telemetry import TELEMETRY

_numbers: Final = count(1)


@asynccontextmanager
async def own_transaction(conn: AsyncConnection[object]) -> AsyncIterator[None]:
    """Run the block in the open transaction, or in a new one."""
    if conn.autocommit and conn.info.pipeline_status != PipelineStatus.OFF:
        # Within a pipeline libpq does not know whether there is a transaction.
        await finish_pipeline(conn)
    idle = conn.info.transaction_status == TransactionStatus.IDLE
    if not (conn.autocommit and idle):
        yield
    elif unit := unit_of(conn):
        async with _transaction_of(unit, conn):
            yield
    else:
        async with conn.transaction():
            yield


@asynccontextmanager
async def trip(
    connection: AsyncConnection[object], unit: AsyncUnit
) -> AsyncIterator[None]:
    """Send the statement of the block with those that set the tenant, in one trip.

    The caller holds `unit.turn`: the pipelines of two tasks would be one.
    """
    if unit.is_autocommit:
        async with _whole_transaction(connection, unit):
            yield
        return
    try:
        yield
        await unit.settle()
    except psycopg.Error:
        # The error came before the pipeline's end, in which no statement runs now.
        with suppress(psycopg.Error):
            await unit.settle()
        raise


@asynccontextmanager
async def _whole_transaction(
    connection: AsyncConnection[object], unit: AsyncUnit
) -> AsyncIterator[None]:
    """Send BEGIN, the statement of the block and COMMIT in one trip.

    The implicit transaction of a pipeline would not do: it has the session's isolation,
    and its commit fails where psycopg expects no error. Inside the caller's transaction
    BEGIN and COMMIT are left out.
    """
    is_own = False
    try:
        async with pipeline(connection):
            is_own = connection.pgconn.transaction_status == TransactionStatus.IDLE
            if is_own:
                await unit.tenancy.begin()
            await unit.tenancy.enter()
            yield
            if is_own:
                await unit.tenancy.commit()
    except Exception:
        if is_own:
            # psycopg drops its prepared statements at a rollback. It would take a
            # statement that PostgreSQL skipped after an error for prepared.
            with suppress(psycopg.Error):
                await connection.rollback()
        raise
    await unit.tenancy.hear()


@asynccontextmanager
async def _transaction_of(
    unit: AsyncUnit, conn: AsyncConnection[object]
) -> AsyncIterator[None]:
    """Run the block in a transaction of the unit's tenant."""
    try:
        with OPENING:
            async with pipeline(conn):
                await unit.tenancy.begin()
                await unit.tenancy.enter()
            await unit.tenancy.hear()
        yield
        await conn.commit()
    except BaseException:
        with suppress(psycopg.Error):
            await conn.rollback()
        raise


async def finish_pipeline(conn: AsyncConnection[object]) -> None:
    """Wait for the results of the pipeline that is open."""
    async with conn.pipeline():
        pass


@asynccontextmanager
async def opened_stream(
    conn: AsyncConnection[object],
    statement: Statement,
    sql: str,
    parameters: Mapping[str, object],
    size: int,
) -> AsyncIterator[AsyncIterator[object]]:
    """Declare a server-side cursor, and yield its rows, fetched `size` at a time.

    Raises InvalidArgumentError for a size below 1.
    """
    if size < 1:
        message = f"size must be 1 row a trip or more, not {size}"
        raise InvalidArgumentError(message)
    async with (
        own_transaction(conn),
        AsyncOwnServerCursor(
            conn, f"authority_{next(_numbers)}", row_factory=statement.make_row
        ) as cursor,
    ):
        with TELEMETRY.observe(statement.label, conn), statement.sending:
            await cursor.execute(sql, parameters, binary=True)
        async with aclosing(_fetched(cursor, statement, size)) as rows:
            yield rows


async def _fetched(
    cursor: AsyncServerCursor[object], statement: Statement, size: int
) -> AsyncGenerator[object, None]:
    while True:
        with statement.reading:
            rows = await cursor.fetchmany(size)
        for row in rows:
            yield row
        if len(rows) < size:
            return
