"""Three ways to make the same call, each in a blocking and an asynchronous form."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from psycopg import AsyncConnection, Connection
from psycopg.rows import args_row

from benchmarks.cases import Arguments, Case

Peer: TypeAlias = Callable[[Arguments], object]
AsyncPeer: TypeAlias = Callable[[Arguments], Awaitable[object]]


def peers(connection: Connection[object], case: Case) -> list[Peer]:
    """Return the generated function, and the driver's args_row in text and in binary.

    Raises RuntimeError when their results differ in type.
    """
    call = case.call
    made = [
        lambda arguments: call(connection, **arguments),
        _bare(connection, case, binary=False),
        _bare(connection, case, binary=True),
    ]
    generated, bare, _ = [peer(case.arguments()) for peer in made]
    if type(generated) is not type(bare) or generated is None:
        message = f"{case.statement}: {generated} cannot be compared with {bare}"
        raise RuntimeError(message)
    return made


def async_peers(connection: AsyncConnection[object], case: Case) -> list[AsyncPeer]:
    """Return the asynchronous forms of the same peers."""
    call = case.call_async
    return [
        lambda arguments: call(connection, **arguments),
        _bare_async(connection, case, binary=False),
        _bare_async(connection, case, binary=True),
    ]


# The peers share no function: another call would count against the bare driver.
def _bare(connection: Connection[object], case: Case, *, binary: bool) -> Peer:
    sql, sent, make_row = case.sql, case.sent, args_row(case.record)

    def row(arguments: Arguments) -> object:
        cursor = connection.cursor(row_factory=make_row, binary=binary)
        return cursor.execute(sql, sent(arguments)).fetchone()

    def rows(arguments: Arguments) -> object:
        cursor = connection.cursor(row_factory=make_row, binary=binary)
        return cursor.execute(sql, sent(arguments)).fetchall()

    def count(arguments: Arguments) -> object:
        return connection.execute(sql, sent(arguments), binary=binary).rowcount

    return {"row": row, "rows": rows, "count": count}[case.gives]


def _bare_async(
    connection: AsyncConnection[object], case: Case, *, binary: bool
) -> AsyncPeer:
    sql, sent, make_row = case.sql, case.sent, args_row(case.record)

    async def row(arguments: Arguments) -> object:
        cursor = connection.cursor(row_factory=make_row, binary=binary)
        await cursor.execute(sql, sent(arguments))
        return await cursor.fetchone()

    async def rows(arguments: Arguments) -> object:
        cursor = connection.cursor(row_factory=make_row, binary=binary)
        await cursor.execute(sql, sent(arguments))
        return await cursor.fetchall()

    async def count(arguments: Arguments) -> object:
        cursor = await connection.execute(sql, sent(arguments), binary=binary)
        return cursor.rowcount

    return {"row": row, "rows": rows, "count": count}[case.gives]
