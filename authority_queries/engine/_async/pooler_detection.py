"""Finding out whether a connection may prepare statements."""

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
# psycopg prepares a statement when it has been executed as often as that.
_ASKED_AT: Final = 5
_uses: Final[WeakKeyDictionary[AsyncConnection[object], int]] = WeakKeyDictionary()


async def look(connection: AsyncConnection[object]) -> bool:
    """Tell whether nothing stands between, and remember it: a trip."""
    cursor = await ask(connection)
    return await hear(cursor)


async def ask(connection: AsyncConnection[object]) -> AsyncCursor[int]:
    """Ask which process answers; in a pipeline without waiting for it."""
    cursor = AsyncQueueingCursor(connection, row_factory=scalar_row)
    return await cursor.execute(_QUERY, prepare=False)


async def hear(cursor: AsyncCursor[int]) -> bool:
    """Take the answer."""
    process_id = await cursor.fetchone()
    return note_process(cursor.connection, process_id or 0)


async def prepares(connection: AsyncConnection[object]) -> bool:
    """Tell whether psycopg may prepare the next statement when it likes to.

    On a connection of others, which no unit has worked on, it is asked when psycopg
    would prepare the first one: a call is one trip, and one of them two.
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
