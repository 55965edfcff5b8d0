"""The limits: the same statement by asyncpg, and one row by its key."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any, Final

import asyncpg
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import args_row

from authority_queries import Authority, parse_token
from authority_queries.engine.runtime import QueryFile
from authority_queries.queries import FOLDER, tokens
from authority_queries.records import VerifiedToken
from benchmarks.compared.authority import Given
from benchmarks.compared.workload import Runs, check, each

# As a superuser, to whom row-level security does not apply.
_ROW: Final = """
select
    tenant_id, id, type, client_uuid, user_id, authorization_id, scopes, resources,
    properties, expires_at, redeemed_at, revoked_at
from authority.tokens
where tenant_id = %s and token_hash = %s
"""


def statement() -> str:
    """Return the statement of authority.verify_token, with psycopg's parameters."""
    queries: Any = QueryFile(FOLDER / "tokens.sql").queries
    text: str = queries.verify_by_token.sql
    return text


def numbered() -> str:
    """Return that statement with PostgreSQL's parameters."""
    text = statement()
    for number, name in enumerate(("tenant_id", "token_hash", "type", "resource"), 1):
        text = text.replace(f"%({name})s", f"${number}")
    return text


@contextmanager
def connected(database: str, given: Given) -> Iterator[Runs]:
    """Connect, and yield the measured calls."""
    service = make_conninfo(database, options=f"-c role={Authority.role}")
    loop = asyncio.new_event_loop()
    held = loop.run_until_complete(connect(database))
    presented = [parse_token(token) for token, _, _ in given["access"]]
    sent = [(token.tenant_id, token.hash) for token in presented]
    hashes = cycle(sent)
    with (
        psycopg.connect(service, autocommit=True) as generated,
        psycopg.connect(service, autocommit=True) as bare,
        psycopg.connect(database, autocommit=True) as row,
    ):
        yield {
            "generated": each(_generated(generated, sent)),
            "args_row": each(_args_row(bare, sent)),
            "row": each(_row(row, sent)),
            "asyncpg": lambda count: loop.run_until_complete(
                fetch(held, hashes, count)
            ),
        }
    loop.run_until_complete(held.close())


def _generated(
    connection: psycopg.Connection, sent: list[tuple[Any, bytes]]
) -> Callable[[], object]:
    hashes = cycle(sent)

    def verify() -> None:
        tenant_id, token_hash = next(hashes)
        check(
            tokens.verify_by_token(
                connection,
                tenant_id=tenant_id,
                token_hash=token_hash,
                type="access",
                resource=None,
            )
        )

    return verify


def _args_row(
    connection: psycopg.Connection, sent: list[tuple[Any, bytes]]
) -> Callable[[], object]:
    hashes = cycle(sent)
    text = statement().encode()
    make_row = args_row(VerifiedToken)

    def verify() -> None:
        tenant_id, token_hash = next(hashes)
        values = {
            "tenant_id": tenant_id,
            "token_hash": token_hash,
            "type": "access",
            "resource": None,
        }
        cursor = connection.cursor(row_factory=make_row)
        check(cursor.execute(text, values).fetchone())

    return verify


def _row(
    connection: psycopg.Connection, sent: list[tuple[Any, bytes]]
) -> Callable[[], object]:
    hashes = cycle(sent)
    return lambda: check(connection.execute(_ROW, next(hashes)).fetchone())


async def connect(database: str) -> asyncpg.Connection:
    """Return a connection of asyncpg as the role of services.

    Its pool would send a second statement after each, to reset the connection.
    """
    parts = conninfo_to_dict(database)
    return await asyncpg.connect(
        host=parts["host"],
        port=parts["port"],
        user=parts["user"],
        database=parts["dbname"],
        server_settings={"role": Authority.role},
    )


async def fetch(
    connection: asyncpg.Connection, sent: "cycle[tuple[Any, bytes]]", count: int
) -> None:
    """Verify so many tokens, one after the other."""
    text = numbered()
    for _ in range(count):
        check(await connection.fetchrow(text, *next(sent), "access", None))
