"""`python -m benchmarks.callers`: 16 asyncio callers on 8 connections, and pgbench.

Exits with 1 when a client with a processor of its own has time for fewer than 0.7 times
the calls of pgbench, and with 2 when there is no server. It needs pgbench.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Final, NamedTuple

import psycopg
import uvloop
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import AsyncAuthority, Settings
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.engine.runtime import QueryFile
from authority_queries.errors import AuthorityError
from authority_queries.queries import FOLDER
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import yoyo_url
from benchmarks.machine import machine
from benchmarks.rows import Rows, insert_rows

_LIMIT: Final = 0.7
_STATEMENT: Final = "verify_by_token"
_CALLERS: Final = 16
_CONNECTIONS: Final = 8
_CALLS: Final = 150  # of each caller
_ROUNDS: Final = 3
_SECONDS: Final = 3  # of pgbench
_HEADERS: Final = ("loop", "calls/s", "client CPU µs", "calls/s of a CPU")
_FORMATS: Final = ("", ".0f", ".1f", ".0f")


class _Line(NamedTuple):
    """A line of the table."""

    loop: str
    rate: float
    cpu: float
    capacity: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 below the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.callers", description=__doc__
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
        url = yoyo_url(database)
        settings = Settings(
            database_url=url, pool_min_size=_CONNECTIONS, pool_max_size=_CONNECTIONS
        )
        lines = [
            _line("asyncio", *asyncio.run(_called(settings, rows))),
            _line("uvloop", *uvloop.run(_called(settings, rows))),
        ]
        rate = _pgbench(database, rows)
    print(f"authority.verify_token, {_CALLERS} callers on {_CONNECTIONS} connections:")
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS), end="\n\n")
    print(f"pgbench, {_CONNECTIONS} clients, the same statement: {rate:.0f} calls/s")
    worst = min(line.capacity for line in lines) / rate
    print(f"calls of a CPU to pgbench's: {worst:.2f}; at least: {_LIMIT}")
    return 1 if worst < _LIMIT else 0


async def _called(settings: Settings, rows: Rows) -> tuple[float, float]:
    """Return the seconds and the processor time of a call, of the fastest round."""
    async with AsyncAuthority.open(settings) as authority:

        async def caller() -> None:
            for _ in range(_CALLS):
                if await authority.verify_token(rows.token) is None:
                    message = "the token is not live: nothing to compare"
                    raise RuntimeError(message)

        found = []
        for _ in range(_ROUNDS + 1):  # the first round prepares the statements
            wall, cpu = perf_counter(), process_time()
            await asyncio.gather(*(caller() for _ in range(_CALLERS)))
            found.append((perf_counter() - wall, process_time() - cpu))
        calls = _CALLERS * _CALLS
        return min(wall for wall, _ in found[1:]) / calls, min(
            cpu for _, cpu in found[1:]
        ) / calls


def _line(loop: str, wall: float, cpu: float) -> _Line:
    return _Line(loop=loop, rate=1 / wall, cpu=cpu * 1e6, capacity=1 / cpu)


def _pgbench(database: str, rows: Rows) -> float:
    """Return the transactions per second of pgbench with the same statement."""
    pgbench = which("pgbench")
    if pgbench is None:
        message = "pgbench is not in PATH: install PostgreSQL's client programs"
        raise AuthorityError(message)
    sql: str = getattr(QueryFile(FOLDER / "tokens.sql").queries, _STATEMENT).sql
    for name, value in {
        "tenant_id": f"'{rows.tenant_id}'::uuid",
        "token_hash": f"'\\x{rows.token_hash.hex()}'::bytea",
        "type": "'access'::text",
        "resource": "null::text",
    }.items():
        sql = sql.replace(f"%({name})s", value)
    with TemporaryDirectory() as folder:
        script = Path(folder) / "verify.sql"
        script.write_text(" ".join(sql.split()).rstrip(";") + ";\n")
        service = make_conninfo(database, options="-c role=authority_app")
        options = f"-n -M prepared -c {_CONNECTIONS} -T {_SECONDS}".split()
        run = subprocess.run(  # noqa: S603 -- PostgreSQL's own program
            [pgbench, *options, "-f", str(script), service],
            check=True,
            capture_output=True,
            text=True,
        )
    (line,) = [each for each in run.stdout.splitlines() if each.startswith("tps")]
    return float(line.split()[2])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.callers: {error}", file=sys.stderr)
        sys.exit(2)
