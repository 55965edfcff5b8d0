"""`python -m benchmarks.pruning_load`: verifications beside a prune of half the table.

Exits with 1 when the 99th percentile beside the default prune on a core of its own is
above 1.5 times the idle one, and with 2 when there is no server.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from multiprocessing import get_context
from statistics import median, quantiles
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import Store, migrate
from authority_queries.errors import AuthorityError
from authority_queries.queries import tokens
from authority_queries.service._sync.pruning import ROLE, prune
from authority_queries.service.embedded import running_embedded_server
from authority_queries.service.embedded.folders import temporary_folder
from benchmarks.machine import machine
from benchmarks.rows import Rows, insert_rows

_LIMIT: Final = 1.5
_CALLERS: Final = 4
_RATE: Final = 150  # verifications a second of each caller
_WINDOW: Final = 0.5  # seconds
_PAIRS: Final = 8
_CORES: Final = (0, 1)  # of clients and the prune, of the verifying server processes

_INSERT: Final = """
insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, user_id, expires_at, created_at,
    authenticated_at
)
select
    %(tenant_id)s, 'access', sha256(convert_to(%(prefix)s || n::text, 'UTF8')),
    %(client_uuid)s, %(user_id)s,
    now() + %(ends)s::interval - n * interval '1 millisecond',
    now() - interval '3 days', now() - interval '3 days'
from generate_series(1, %(count)s) as numbers (n)
order by hashint8(n)
"""
_SIZES: Final = """
select
    pg_table_size('authority.tokens') / 1e6,
    pg_indexes_size('authority.tokens') / 1e6,
    (select dead_tuple_count from pgstattuple_approx('authority.tokens'))
"""


class _Way(NamedTuple):
    """How a prune works: where, and for how much of the time."""

    where: str
    core: int
    max_load: float


_WAYS: Final = (
    _Way("own core", _CORES[0], 1.0),
    _Way("same core", _CORES[1], 1.0),
    _Way("same core", _CORES[1], 0.25),
)


@dataclass
class _Measured:
    """Milliseconds of verifications in idle windows and beside a prune."""

    idle: list[list[float]] = field(default_factory=list)
    beside: list[list[float]] = field(default_factory=list)
    rows: int = 0
    seconds: float = 0.0


class _Caller:
    """A process that verifies tokens at a fixed rate, whatever the server does."""

    connection: "psycopg.Connection[object]"

    @classmethod
    def connect(cls, database: str) -> None:
        cls.connection = psycopg.connect(
            make_conninfo(database, options="-c role=authority_app"), autocommit=True
        )
        os.sched_setaffinity(cls.connection.info.backend_pid, {_CORES[1]})
        os.sched_setaffinity(0, {_CORES[0]})


def _verify(tenant_id: UUID, hashes: int, begin: float, seed: int) -> list[float]:
    """Return milliseconds from the moment when each call was due to its answer."""
    spent = []
    for number in range(round(_RATE * _WINDOW)):
        due = begin + (number + seed / _CALLERS) / _RATE
        time.sleep(max(0.0, due - time.monotonic()))
        chosen = (number * 7919 + seed * 104729 + round(begin * 1000)) % hashes + 1
        found = tokens.verify_by_token(
            _Caller.connection,
            tenant_id=tenant_id,
            token_hash=sha256(f"live{chosen}".encode()).digest(),
            type="access",
            resource=None,
        )
        if found is None:
            message = "a live token was not found"
            raise RuntimeError(message)
        spent.append((time.monotonic() - due) * 1000)
    return spent


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pruning_load", description=__doc__
    )
    parser.add_argument("--tokens", type=int, default=300_000, metavar="COUNT")
    half = parser.parse_args(arguments).tokens // 2
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        parameters = stack.enter_context(running_embedded_server(folder / "data"))
        database = make_conninfo("", **parameters)
        migrate(database)
        print(machine(database), end="\n\n")
        callers = stack.enter_context(
            ProcessPoolExecutor(
                _CALLERS,
                mp_context=get_context("spawn"),
                initializer=_Caller.connect,
                initargs=(database,),
            )
        )
        dba = stack.enter_context(psycopg.connect(database, autocommit=True))
        dba.execute("create extension pgstattuple")
        rows = insert_rows(dba)
        _insert(dba, rows, "live", "30 days", half)
        sizes = []
        lines = []
        for number, way in enumerate(_WAYS):
            _insert(dba, rows, f"old{number}", "-2 days", half)
            dba.execute("vacuum analyze authority.tokens")
            sizes.append(("full", *_sizes(dba)))
            measured = _run(database, callers, rows, way, half)
            lines.append(_line(way, measured))
            sizes.append(("pruned", *_sizes(dba)))
            dba.execute("vacuum authority.tokens")
            sizes.append(("vacuumed", *_sizes(dba)))
    print(
        f"Verifying beside a prune of {half:,} of {2 * half:,} tokens, {_CALLERS} "
        f"callers, {_CALLERS * _RATE} calls/s, ms, windows of {_WINDOW:g} s in turns"
    )
    print(tabulate(lines, headers=_HEADERS, floatfmt=".2f"), end="\n\n")
    print("The table, MB, and its dead rows:")
    print(tabulate(sizes, headers=_SIZE_HEADERS, floatfmt=".0f"), end="\n\n")
    ratio = lines[0][-1]
    print(f"p99 on a core of its own to idle: {ratio:.2f}; allowed: {_LIMIT}")
    return 1 if ratio > _LIMIT else 0


_HEADERS: Final = (
    "prune on",
    "load",
    "rows/s",
    "idle p50",
    "p99",
    "beside p50",
    "p99",
    "p50 ratio",
    "p99 ratio",
)
_SIZE_HEADERS: Final = ("after", "table", "indexes", "dead rows")


def _insert(
    dba: "psycopg.Connection[object]", rows: Rows, prefix: str, ends: str, count: int
) -> None:
    values = {
        "tenant_id": rows.tenant_id,
        "client_uuid": rows.client_uuid,
        "user_id": rows.user_id,
        "prefix": prefix,
        "ends": ends,
        "count": count,
    }
    dba.execute(_INSERT, values)


def _sizes(dba: "psycopg.Connection[object]") -> Sequence[float]:
    (found,) = dba.execute(_SIZES).fetchall()
    return found


def _run(
    database: str, callers: ProcessPoolExecutor, rows: Rows, way: _Way, half: int
) -> _Measured:
    measured = _Measured()
    with psycopg.connect(
        make_conninfo(database, options=f"-c role={ROLE}"), autocommit=True
    ) as connection:
        os.sched_setaffinity(connection.info.backend_pid, {way.core})
        for _ in range(_PAIRS):
            measured.idle.append(_results(_start(callers, rows, half)))
            begun = time.monotonic()
            started = _start(callers, rows, half)
            report = prune(
                Store(connection),
                only=["tokens"],
                max_load=way.max_load,
                time_limit=timedelta(seconds=_WINDOW + 0.15),
            )
            seconds = time.monotonic() - begun
            latencies = _results(started)
            if report.is_complete and seconds < _WINDOW:
                break  # the prune was over before the window
            measured.beside.append(latencies)
            measured.rows += report.rows
            measured.seconds += seconds
        prune(Store(connection), only=["tokens"])
    return measured


def _start(
    callers: ProcessPoolExecutor, rows: Rows, half: int
) -> "list[Future[list[float]]]":
    begin = time.monotonic() + 0.1
    return [
        callers.submit(_verify, rows.tenant_id, half, begin, seed)
        for seed in range(_CALLERS)
    ]


def _results(started: "list[Future[list[float]]]") -> list[float]:
    return [spent for each in started for spent in each.result()]


def _line(way: _Way, measured: _Measured) -> tuple[str | float, ...]:
    def of(windows: list[list[float]], percent: int) -> list[float]:
        return [quantiles(window, n=100)[percent - 1] for window in windows]

    idle, beside = measured.idle, measured.beside
    ratios = [
        median(b / a for a, b in zip(of(idle, p), of(beside, p), strict=False))
        for p in (50, 99)
    ]
    return (
        way.where,
        way.max_load,
        round(measured.rows / measured.seconds),
        median(of(idle, 50)),
        median(of(idle, 99)),
        median(of(beside, 50)),
        median(of(beside, 99)),
        *ratios,
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.pruning_load: {error}", file=sys.stderr)
        sys.exit(2)
