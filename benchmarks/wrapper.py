"""`python -m benchmarks.wrapper`: the generated functions against the bare driver.

Exits with 1 when one of them takes more than 1.10 times as long as the bare driver, and
with 2 when there is no server.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import psycopg
from tabulate import tabulate

from authority_queries.codegen.generate import generate
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.codegen.settings import GenerationSettings, read
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from benchmarks.cases import Case, make_cases
from benchmarks.machine import machine
from benchmarks.measuring import Measured, async_timer, measure, timer
from benchmarks.peers import async_peers, peers
from benchmarks.rows import insert_rows

_LIMIT: Final = 1.10
_BLOCKS: Final = 120
_SETTINGS: Final = Path(__file__).resolve().parent.parent / "pyproject.toml"


class _Line(NamedTuple):
    """A line of the table: microseconds per call, and ratios of the generated one."""

    function: str
    gives: str
    form: str
    generated: float
    bare: float
    ratio: float
    spread: str
    tuples: float
    ratio_to_tuples: float


_HEADERS: Final = (
    "function",
    "gives",
    "form",
    "generated",
    "bare",
    "ratio",
    "min-max",
    "tuples",
    "ratio",
)
_FORMATS: Final = ("", "", "", ".1f", ".1f", ".3f", "", ".1f", ".3f")


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
        lines = asyncio.run(_measured(database))
    print("Microseconds per call, and ratios of the generated function to its peers:")
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS), end="\n\n")
    print(_generation(settings, server), end="\n\n")
    worst = max(line.ratio for line in lines)
    print(f"Worst ratio to the bare driver: {worst:.3f}; allowed: {_LIMIT:.2f}")
    return 1 if worst > _LIMIT else 0


async def _measured(database: str) -> list[_Line]:
    lines = []
    with psycopg.connect(database, autocommit=True) as connection:
        cases = make_cases(insert_rows(connection))
        async with await psycopg.AsyncConnection.connect(
            database, autocommit=True
        ) as async_connection:
            for case in cases:
                forms = {
                    "sync": map(timer, peers(connection, case)),
                    "async": map(async_timer, async_peers(async_connection, case)),
                }
                for form, timers in forms.items():
                    found = await measure([*timers], case.arguments, _BLOCKS)
                    lines.append(_line(case, form, found))
    return lines


def _line(case: Case, form: str, found: Measured) -> _Line:
    ratios = found.ratios(1)
    return _Line(
        function=case.statement,
        gives=case.title,
        form=form,
        generated=found.microseconds(0),
        bare=found.microseconds(1),
        ratio=median(ratios),
        spread=f"{min(ratios):.2f}-{max(ratios):.2f}",
        tuples=found.microseconds(2),
        ratio_to_tuples=median(found.ratios(2)),
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
