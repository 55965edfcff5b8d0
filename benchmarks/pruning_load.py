"""`python -m benchmarks.pruning_load`: verifications beside a prune of half the table.

Exits with 1 when the 99th percentile beside the default prune on a core of its own is
above 1.5 times the idle one, and with 2 when there is no server.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any, Final, NamedTuple, TypeAlias
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
_RATE: Final = 100  # verifications a second of each caller
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


_HEADERS: Final = (
    "prune on",
    "load",
    "rows/s",
    "CPU µs",
    "beside",
    "p50 ms",
    "beside",
    "p99 ms",
    "beside",
    "CPU ratio",
    "p50",
    "p99",
)
_FORMATS: Final = ("", ".2f", *3 * (".0f",), *7 * (".2f",))
_SIZE_HEADERS: Final = ("after", "table MB", "indexes MB", "dead rows")
_Line: TypeAlias = tuple[str | float, ...]


class _Way(NamedTuple):
    """The core of a prune, and the share of the time that its batches take."""

    where: str
    core: int
    max_load: float


_WAYS: Final = (
    _Way("own core", _CORES[0], 1.0),
    _Way("same core", _CORES[1], 1.0),
    _Way("same core", _CORES[1], 0.25),
)


class _Window(NamedTuple):
    """Milliseconds of each call, and processor µs of the server for a call."""

    spent: Sequence[float]
    cpu: float

    def of(self, percent: int) -> float:
        return quantiles(self.spent, n=100)[percent - 1]


@dataclass
class _Measured:
    """Verifications in idle windows and beside a prune."""

    idle: list[_Window] = field(default_factory=list)
    beside: list[_Window] = field(default_factory=list)
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


def _verify(tenant_id: UUID, hashes: int, begin: float, seed: int) -> _Window:
    """Measure each call from the moment when it was due to its answer."""
    spent = []
    schedstat = Path(f"/proc/{_Caller.connection.info.backend_pid}/schedstat")
    before = int(schedstat.read_text().split()[0])
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
    cpu = int(schedstat.read_text().split()[0]) - before
    return _Window(spent, cpu / 1000 / len(spent))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pruning_load", description=__doc__
    )
    parser.add_argument("--tokens", type=int, default=300_000, metavar="COUNT")
    half = parser.parse_args(arguments).tokens // 2
    with (
        temporary_folder() as folder,
        running_embedded_server(folder / "data") as parameters,
    ):
        database = make_conninfo("", **parameters)
        migrate(database)
        print(machine(database), end="\n\n")
        lines, sizes = _measured(database, half)
    print(
        f"Verifying beside a prune of {half:,} of {2 * half:,} tokens, {_CALLERS} "
        f"callers, {_CALLERS * _RATE} calls/s, idle and beside it in turns of "
        f"{_WINDOW:g} s, medians:"
    )
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS), end="\n\n")
    print("The table, filled again to the same number of tokens before each prune:")
    print(tabulate(sizes, headers=_SIZE_HEADERS, floatfmt=".0f"), end="\n\n")
    ratio = float(lines[0][-1])
    print(f"p99 on a core of its own to idle: {ratio:.2f}; allowed: {_LIMIT}")
    return 1 if ratio > _LIMIT else 0


def _measured(database: str, half: int) -> tuple[list[_Line], list[_Line]]:
    lines: list[_Line] = []
    sizes: list[_Line] = []
    with (
        ProcessPoolExecutor(
            _CALLERS,
            mp_context=get_context("spawn"),
            initializer=_Caller.connect,
            initargs=(database,),
        ) as callers,
        psycopg.connect(database, autocommit=True) as dba,
    ):
        dba.execute("create extension pgstattuple")
        rows = insert_rows(dba)
        _insert(dba, rows, "live", "30 days", half)
        for number, way in enumerate(_WAYS):
            _insert(dba, rows, f"old{number}", "-2 days", half)
            dba.execute("vacuum analyze authority.tokens")
            sizes.append(("filling", *_sizes(dba)))
            lines.append(_line(way, _run(database, callers, rows, way, half)))
            sizes.append(("pruning", *_sizes(dba)))
            dba.execute("vacuum authority.tokens")
            sizes.append(("vacuum", *_sizes(dba)))
    return lines, sizes


def _insert(
    dba: "psycopg.Connection[Any]", rows: Rows, prefix: str, ends: str, count: int
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


def _sizes(dba: "psycopg.Connection[Any]") -> Sequence[float]:
    (found,) = dba.execute(_SIZES).fetchall()
    return [float(each) for each in found]


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
            window = _results(started)
            if report.is_complete and seconds < _WINDOW:
                break  # the prune was over before the window
            measured.beside.append(window)
            measured.rows += report.rows
            measured.seconds += seconds
        prune(Store(connection), only=["tokens"])
    return measured


def _start(
    callers: ProcessPoolExecutor, rows: Rows, half: int
) -> "list[Future[_Window]]":
    begin = time.monotonic() + 0.1
    return [
        callers.submit(_verify, rows.tenant_id, half, begin, seed)
        for seed in range(_CALLERS)
    ]


def _results(started: "list[Future[_Window]]") -> _Window:
    windows = [each.result() for each in started]
    spent = [each for window in windows for each in window.spent]
    return _Window(spent, mean(window.cpu for window in windows))


_FIGURES: Final[Sequence[Callable[[_Window], float]]] = (
    lambda window: window.cpu,
    lambda window: window.of(50),
    lambda window: window.of(99),
)


def _line(way: _Way, measured: _Measured) -> _Line:
    pairs = list(zip(measured.idle, measured.beside, strict=False))
    figures: list[float] = []
    ratios = []
    for figure in _FIGURES:
        figures += (median(map(figure, each)) for each in zip(*pairs, strict=True))
        ratios.append(median(figure(beside) / figure(idle) for idle, beside in pairs))
    speed = measured.rows / measured.seconds
    return (way.where, way.max_load, speed, *figures, *ratios)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.pruning_load: {error}", file=sys.stderr)
        sys.exit(2)
