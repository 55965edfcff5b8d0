"""`python -m benchmarks.wrapper`: the generated functions against the bare driver.

Exits with 1 when one of them takes more than 1.10 times the client's processor time of
psycopg's args_row, in text or in binary, whichever is faster, and with 2 when there is
no server.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
import uvloop
from tabulate import tabulate

from authority_queries.codegen.generate import generate
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.codegen.settings import GenerationSettings, read
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from benchmarks.cases import Case, make_cases
from benchmarks.machine import machine
from benchmarks.measuring import (
    Measured,
    Timer,
    async_client_timer,
    client_timer,
    measure,
)
from benchmarks.peers import async_peers, peers
from benchmarks.rows import insert_rows

_LIMIT: Final = 1.10
_BLOCKS: Final = 60
_SETTINGS: Final = Path(__file__).resolve().parent.parent / "pyproject.toml"


class _Line(NamedTuple):
    """A line of the table: microseconds of the client, and ratios of the first."""

    function: str
    returns: str
    form: str
    generated: float
    text: float
    binary: float
    ratio: float


_HEADERS: Final = (
    "function",
    "returns",
    "form",
    "generated",
    "text",
    "binary",
    "to the faster",
)
_FORMATS: Final = ("", "", "", ".1f", ".1f", ".1f", ".3f")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.wrapper", description=__doc__
    )
    parser.add_argument(
        "--server",
        metavar="CONNINFO",
        help="server to measure on (default: embedded)",
    )
    server = parser.parse_args(arguments).server
    settings = read(_SETTINGS)
    with throwaway_database(settings.migrations, server) as database:
        print(machine(database), end="\n\n")
        with psycopg.connect(database, autocommit=True) as connection:
            cases = make_cases(insert_rows(connection))
        lines = [
            *asyncio.run(_measured(database, cases, "sync")),
            *asyncio.run(_measured(database, cases, "asyncio")),
            *uvloop.run(_measured(database, cases, "uvloop")),
        ]
    lines.sort(key=lambda line: line.function)
    print("Microseconds of the client's processor time per call:")
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS), end="\n\n")
    print(_generation(settings, server), end="\n\n")
    worst = max(line.ratio for line in lines)
    print(f"Worst ratio to the faster of both: {worst:.3f}; allowed: {_LIMIT:.2f}")
    return 1 if worst > _LIMIT else 0


async def _measured(database: str, cases: Sequence[Case], form: str) -> list[_Line]:
    if form == "sync":
        with psycopg.connect(database, autocommit=True) as connection:
            return [
                _line(case, form, await _taken([*map(client_timer, found)], case))
                for case in cases
                for found in [peers(connection, case)]
            ]
    async with await psycopg.AsyncConnection.connect(
        database, autocommit=True
    ) as connected:
        return [
            _line(case, form, await _taken([*map(async_client_timer, found)], case))
            for case in cases
            for found in [async_peers(connected, case)]
        ]


async def _taken(timers: Sequence[Timer], case: Case) -> Measured:
    return await measure(timers, case.arguments, _BLOCKS)


def _line(case: Case, form: str, found: Measured) -> _Line:
    return _Line(
        function=case.statement,
        returns=case.title,
        form=form,
        generated=found.microseconds(0),
        text=found.microseconds(1),
        binary=found.microseconds(2),
        ratio=found.ratio(1, 2),
    )


def _generation(settings: GenerationSettings, server: str | None) -> str:
    started = time.perf_counter()
    files = generate(settings, server)
    seconds = time.perf_counter() - started
    return (
        f"Generation of all {len(read_folder(settings.queries))} queries into "
        f"{len(files)} modules, with the start of the server and the migrations: "
        f"{seconds:.1f} s"
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.wrapper: {error}", file=sys.stderr)
        sys.exit(2)
