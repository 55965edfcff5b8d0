"""Finds out whether a pooler is between a connection and the server."""

from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import aiosql
from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import scalar_row

from authority_queries.engine._async.cursors import AsyncQueueingCursor
from authority_queries.engine.direct_connections import is_direct, note_process
from authority_queries.engine.sql_text import named

# Not an AsyncQueryFile: its adapter imports this module.
_QUERY: Final = named(
    "connection.get_process_id",
    aiosql.from_path(
        Path(__file__).parents[1] / "connection.sql", "psycopg"
    ).get_process_id.sql,
)
# psycopg prepares a statement at its fifth execution.
_ASKED_AT: Final = 5
_uses: Final[WeakKeyDictionary[AsyncConnection[object], int]] = WeakKeyDictionary()


async def look(connection: AsyncConnection[object]) -> bool:
    """Return whether no pooler is between, and remember it. This is one trip."""
    cursor = await ask(connection)
    return await hear(cursor)


async def ask(connection: AsyncConnection[object]) -> AsyncCursor[int]:
    """Send the question which process answers. In a pipeline this does not wait."""
    cursor = AsyncQueueingCursor(connection, row_factory=scalar_row)
    return await cursor.execute(_QUERY, prepare=False)


async def hear(cursor: AsyncCursor[int]) -> bool:
    """Receive the answer, remember it, and return whether no pooler is between."""
    process_id = await cursor.fetchone()
    return note_process(cursor.connection, process_id or 0)


async def prepares(connection: AsyncConnection[object]) -> bool:
    """Return whether psycopg may prepare the next statement.

    On a connection from outside, which no unit has used, the question is sent when
    psycopg would prepare its first statement. One call of many takes two trips.
    """
    known = is_direct(connection)
    if known is None and _may_ask(connection):
        _uses[connection] = uses = _uses.get(connection, 0) + 1
        if uses == _ASKED_AT:
            return await look(connection)
    return bool(known)


def _may_ask(connection: AsyncConnection[object]) -> bool:
    info = connection.info
    return (
        info.pipeline_status == PipelineStatus.OFF
        and info.transaction_status != TransactionStatus.INERROR
    )
