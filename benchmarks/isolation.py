"""`python -m benchmarks.isolation`: the cost of isolating tenants.

Exits with 1 when verifying a token without a unit of work takes more than 1.25 times
the bare query's processor time, and with 2 when there is no server.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Final, NamedTuple, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import args_row
from tabulate import tabulate

from authority_queries import Authority, Settings
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.engine.runtime import QueryFile
from authority_queries.errors import AuthorityError
from authority_queries.queries import FOLDER, tokens
from authority_queries.records import VerifiedToken
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import yoyo_url
from benchmarks.machine import machine
from benchmarks.measuring import cpu_timer, measure, timer
from benchmarks.peers import Peer
from benchmarks.rows import Rows, insert_rows

_LIMIT: Final = 1.25
_BARE: Final = "verify"
_JUDGED: Final = "tokens.verify_by_token"
_BLOCKS: Final = 40
# Seconds. Each way has its own server process, which begins a block with cold caches.
_BLOCK: Final = 0.04
_HEADERS: Final = ("call", "trips", "CPU µs", "to bare", "to no RLS", "µs", "to bare")
_FORMATS: Final = ("", "", ".1f", ".3f", ".3f", ".1f", ".3f")
Row = TypeVar("Row")


class _Way(NamedTuple):
    """A way to verify the token, and its server process."""

    peer: Peer
    backend_pid: int


class _Line(NamedTuple):
    """A line of the table: processor time and wall time per call."""

    call: str
    trips: int
    cpu: float
    cpu_ratio: float
    cpu_ratio_to_none: float
    wall: float
    wall_ratio: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.isolation", description=__doc__
    )
    parser.add_argument(
        "--server",
        metavar="CONNINFO",
        help="server to measure on (default: embedded)",
    )
    server = parser.parse_args(arguments).server
    with throwaway_database([MIGRATIONS], server) as database:
        print(machine(database), end="\n\n")
        lines = asyncio.run(_measured(database))
    print("Verifying one access token, each way in turns:")
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS), end="\n\n")
    ratio = next(line.cpu_ratio for line in lines if line.call == _JUDGED)
    print(f"{_JUDGED} to the bare query: {ratio:.3f}; allowed: {_LIMIT}")
    return 1 if ratio > _LIMIT else 0


async def _measured(database: str) -> list[_Line]:
    with psycopg.connect(database, autocommit=True) as connection:
        rows = insert_rows(connection)
    with ExitStack() as stack:
        settings = Settings(database_url=yoyo_url(database), pool_max_size=1)
        authority = stack.enter_context(Authority.open(settings))
        service = make_conninfo(
            database,
            options=f"-c role={Authority.role} -c authority.tenant_id={rows.tenant_id}",
        )
        unbound = make_conninfo(database, options=f"-c role={Authority.role}")
        connection, held, unheld = (
            stack.enter_context(psycopg.connect(each, autocommit=True))
            for each in (unbound, service, database)
        )
        bare = _Way(_bare(held, rows), held.info.backend_pid)
        none = _Way(_bare(unheld, rows), unheld.info.backend_pid)
        with authority.tenant(rows.tenant_id) as store:
            pooled = store.connection.info.backend_pid
        return [
            await _line(call, trips, _Way(peer, pid), bare, none)
            for call, trips, peer in _calls(connection, authority, rows)
            for pid in [connection.info.backend_pid if call == _JUDGED else pooled]
        ]


def _calls(
    connection: psycopg.Connection[object], authority: Authority, rows: Rows
) -> list[tuple[str, int, Peer]]:
    """Return the measured calls. Each returns the token."""

    def verify_by_token(_: object) -> object:
        return _found(
            tokens.verify_by_token(
                connection,
                tenant_id=rows.tenant_id,
                token_hash=rows.token_hash,
                type="access",
                resource=None,
            )
        )

    def unit(*, autocommit: bool) -> object:
        with authority.tenant(rows.tenant_id, autocommit=autocommit) as store:
            return _found(
                store.tokens.verify(
                    tenant_id=rows.tenant_id, token_hash=rows.token_hash
                )
            )

    return [
        (_JUDGED, 1, verify_by_token),
        (
            "authority.verify_token(string)",
            1,
            lambda _: _found(authority.verify_token(rows.token)),
        ),
        (
            "authority.tenant(…, autocommit=True): one query",
            1,
            lambda _: unit(autocommit=True),
        ),
        ("authority.tenant(…): one query", 2, lambda _: unit(autocommit=False)),
    ]


def _bare(connection: psycopg.Connection[object], rows: Rows) -> Peer:
    sql: str = getattr(QueryFile(FOLDER / "tokens.sql").queries, _BARE).sql
    sent = {
        "tenant_id": rows.tenant_id,
        "token_hash": rows.token_hash,
        "type": "access",
        "resource": None,
    }
    make_row = args_row(VerifiedToken)

    def bare(_: object) -> object:
        cursor = connection.cursor(row_factory=make_row)
        return _found(cursor.execute(sql, sent).fetchone())

    return bare


def _found(token: Row | None) -> Row:
    if token is None:
        message = "the token is not live: nothing to compare"
        raise RuntimeError(message)
    return token


async def _line(call: str, trips: int, way: _Way, bare: _Way, none: _Way) -> _Line:
    nothing: Callable[[], dict[str, object]] = dict
    ways = (way, bare, none)
    by_cpu = await measure(
        [cpu_timer(*each) for each in ways], nothing, _BLOCKS, _BLOCK
    )
    by_wall = await measure(
        [timer(each.peer) for each in ways], nothing, _BLOCKS, _BLOCK
    )
    return _Line(
        call=call,
        trips=trips,
        cpu=by_cpu.microseconds(0),
        cpu_ratio=median(by_cpu.ratios(1)),
        cpu_ratio_to_none=median(by_cpu.ratios(2)),
        wall=by_wall.microseconds(0),
        wall_ratio=median(by_wall.ratios(1)),
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.isolation: {error}", file=sys.stderr)
        sys.exit(2)
