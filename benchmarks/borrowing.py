"""`python -m benchmarks.borrowing`: the cost of checking a borrowed connection.

Exits with 1 when a verification takes more than 1.05 times its processor time without
the check, and with 2 when there is no server.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

import psycopg
from tabulate import tabulate

from authority_queries import Authority, Settings
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.resources import MIGRATIONS
from authority_queries.service._sync.slots import Slot
from authority_queries.service.migrations import yoyo_url
from benchmarks.machine import machine
from benchmarks.measuring import cpu_timer, measure, timer
from benchmarks.peers import Peer
from benchmarks.rows import Rows, insert_rows

_LIMIT: Final = 1.05
_BLOCKS: Final = 60
_BLOCK: Final = 0.04
_HEADERS: Final = ("check", "CPU µs", "to none", "µs", "to none")
_FORMATS: Final = ("", ".1f", ".3f", ".1f", ".3f")
_Line = tuple[str, float, float, float, float]
_Check = Callable[[Slot, float], bool]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.borrowing", description=__doc__
    )
    parser.add_argument(
        "--server",
        metavar="CONNINFO",
        help="server to measure on (default: embedded)",
    )
    server = parser.parse_args(arguments).server
    with throwaway_database([MIGRATIONS], server) as database:
        print(machine(database), end="\n\n")
        with psycopg.connect(database, autocommit=True) as connection:
            rows = insert_rows(connection)
        settings = Settings(database_url=yoyo_url(database), pool_max_size=1)
        with Authority.open(settings) as authority:
            lines = asyncio.run(_measured(authority, rows))
    print("authority.verify_token, each way in turns:")
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS), end="\n\n")
    ratio = lines[0][2]
    print(f"the poll to no check: {ratio:.3f}; allowed: {_LIMIT}")
    return 1 if ratio > _LIMIT else 0


async def _measured(authority: Authority, rows: Rows) -> list[_Line]:
    with authority._lend() as connection:
        backend_pid = connection.info.backend_pid

    def by(check: _Check) -> Peer:
        def verify(_: object) -> object:
            setattr(Slot, "is_usable", check)  # noqa: B010 -- replaces a method
            return authority.verify_token(rows.token)

        return verify

    return [
        await _line("the socket is polled", by(_polled), by(_yes), backend_pid),
        await _line("the server is asked", by(_asked), by(_yes), backend_pid),
    ]


_polled: Final[_Check] = Slot.is_usable


def _yes(_: Slot, __: float) -> bool:
    return True


def _asked(slot: Slot, _: float) -> bool:
    """Ask the server, as psycopg_pool's check_connection does."""
    if slot.connection is not None:
        slot.connection.execute("")
    return True


async def _line(check: str, peer: Peer, without: Peer, backend_pid: int) -> _Line:
    nothing: Callable[[], dict[str, object]] = dict
    peers = (peer, without)
    by_cpu = await measure(
        [cpu_timer(each, backend_pid) for each in peers], nothing, _BLOCKS, _BLOCK
    )
    by_wall = await measure([timer(each) for each in peers], nothing, _BLOCKS, _BLOCK)
    return (
        check,
        by_cpu.microseconds(0),
        median(by_cpu.ratios(1)),
        by_wall.microseconds(0),
        median(by_wall.ratios(1)),
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.borrowing: {error}", file=sys.stderr)
        sys.exit(2)
