"""`python -m benchmarks.growth`: what calls cost as the table of tokens grows.

Exits with 1 when a call with the most tokens takes more than 1.3 times the processor
time of the same call with the fewest, in memory, and with 2 when there is no server.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import psycopg
from tabulate import tabulate

from authority_queries.errors import AuthorityError
from benchmarks.growth_calls import CALLS, Calls, warm
from benchmarks.growth_rows import WITH_INDEXES, load
from benchmarks.growth_server import Databases, databases
from benchmarks.machine import machine
from benchmarks.measuring import cpu_timer, measure

_LIMIT: Final = 1.3
_SMALL: Final = 10_000
_SIZES: Final = (_SMALL, 100_000, 1_000_000)
_BLOCKS: Final = 30
# Seconds. Each way has its own server process, which begins a block with cold caches.
_BLOCK: Final = 0.04
_COLD_CALLS: Final = 200
_WAL_CALLS: Final = 500
_GROWN: Final = "growth_grown"
_REFERENCE: Final = "growth_reference"


class _Step(NamedTuple):
    """What was measured with one number of tokens."""

    tokens: int
    load_seconds: float
    hot: dict[str, tuple[float, float]]
    cold: dict[str, tuple[float, float]]
    wal: dict[str, tuple[float, float]]
    octets: dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Load, measure at each size, print the tables, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__
    )
    parser.add_argument(
        "--sizes",
        metavar="COUNT",
        type=int,
        nargs="+",
        default=_SIZES,
        help=f"numbers of tokens above {_SMALL}, in order (default: up to a million)",
    )
    parser.add_argument(
        "--folder",
        metavar="PATH",
        type=Path,
        help="folder on the disk to measure, with about 700 octets free for each token",
    )
    chosen = parser.parse_args(arguments)
    with databases(chosen.folder) as server:
        server.make_template(_SMALL)
        print(machine(server.conninfo(server.template)), end="\n\n", flush=True)
        steps = []
        before = _SMALL
        for tokens in sorted({_SMALL, *chosen.sizes}):
            steps.append(asyncio.run(_step(server, before, tokens)))
            before = tokens
            # A long run shows what it has.
            print(_tables(steps), file=sys.stderr, flush=True)
    print(_tables(steps))
    worst = max(ratio for _, ratio in steps[-1].hot.values())
    print(f"worst ratio with the most tokens: {worst:.2f}; allowed: {_LIMIT}")
    return 1 if worst > _LIMIT else 0


async def _step(server: Databases, before: int, tokens: int) -> _Step:
    if before <= WITH_INDEXES:  # the calls of the step before added some tokens
        server.copy(_GROWN)
        before = _SMALL
    started = perf_counter()
    if tokens > before:
        with psycopg.connect(server.conninfo(_GROWN), autocommit=True) as dba:
            load(dba, before, tokens)
    seconds = perf_counter() - started
    server.copy(_REFERENCE)
    octets = _octets(server, tokens)
    hot = await _hot(server)
    wal = _wal(server)
    server.evict(_GROWN)
    return _Step(tokens, seconds, hot, _cold(server), wal, octets)


async def _hot(server: Databases) -> dict[str, tuple[float, float]]:
    """Return microseconds of processor time, and the ratio to the reference."""
    found = {}
    for name in (_GROWN, _REFERENCE):
        warm(server.conninfo(name))
    with ExitStack() as stack:
        both = [
            stack.enter_context(Calls.open(server.conninfo(name)))
            for name in (_GROWN, _REFERENCE)
        ]
        for call in CALLS:
            timers = [cpu_timer(calls.peer(call), calls.backend_pid) for calls in both]
            measured = await measure(timers, dict, _BLOCKS, _BLOCK)
            found[call] = (measured.microseconds(0), median(measured.ratios(1)))
    return found


def _cold(server: Databases) -> dict[str, tuple[float, float]]:
    """Return milliseconds by the clock, and blocks of 8 kB that were read."""
    found = {}
    for call in CALLS:
        with Calls.open(server.conninfo(_GROWN)) as calls:
            peer = calls.peer(call)
            server.evict(_GROWN)
            before = _blocks_read(server, calls)
            times = []
            for _ in range(_COLD_CALLS):
                started = perf_counter()
                peer({})
                times.append((perf_counter() - started) * 1e3)
            blocks = (_blocks_read(server, calls) - before) / _COLD_CALLS
        found[call] = (median(times), blocks)
    return found


def _blocks_read(server: Databases, calls: Calls) -> int:
    calls.flush_statistics()
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as dba:
        found = dba.execute(
            "select blks_read from pg_stat_database where datname = %s", [_GROWN]
        ).fetchone()
    return int((found or (0,))[0])


def _wal(server: Databases) -> dict[str, tuple[float, float]]:
    """Return octets of WAL per call: of its records, and right after a checkpoint."""
    found = {}
    with Calls.open(server.conninfo(_GROWN)) as calls:
        for call in CALLS[1:]:
            records = _logged(server, calls, call)
            server.set_full_page_writes("on")
            found[call] = (records, _logged(server, calls, call))
            server.set_full_page_writes("off")
    return found


def _logged(server: Databases, calls: Calls, call: str) -> float:
    peer = calls.peer(call)
    with psycopg.connect(server.conninfo(_GROWN), autocommit=True) as dba:
        dba.execute("checkpoint")
        query = "select pg_current_wal_insert_lsn() - '0/0'"
        before = (dba.execute(query).fetchone() or (0,))[0]
        for _ in range(_WAL_CALLS):
            peer({})
        after = (dba.execute(query).fetchone() or (0,))[0]
    return float(after - before) / _WAL_CALLS


def _octets(server: Databases, tokens: int) -> dict[str, float]:
    with psycopg.connect(server.conninfo(_GROWN), autocommit=True) as dba:
        found = dba.execute(
            """
            select 'the table', pg_table_size('authority.tokens')
            union all
            select indexrelid::regclass::text, pg_relation_size(indexrelid)
            from pg_index where indrelid = 'authority.tokens'::regclass
            order by 1 desc
            """
        ).fetchall()
    return {name.removeprefix("authority."): size / tokens for name, size in found}


def _tables(steps: Sequence[_Step]) -> str:
    sizes = [f"{step.tokens:,}" for step in steps]
    octets = [
        [name, *(step.octets[name] for step in steps)] for name in steps[-1].octets
    ]
    octets += [
        ["all", *(sum(step.octets.values()) for step in steps)],
        ["seconds", *(step.load_seconds for step in steps)],
    ]
    return "\n\n".join(
        [
            "In memory: CPU µs, and the ratio to a database of 10,000 tokens:\n"
            + _table(steps, "hot", ("CPU µs", "ratio"), (".0f", ".2f")),
            "Nothing in memory: ms by the clock, and blocks of 8 kB that were read:\n"
            + _table(steps, "cold", ("ms", "blocks"), (".2f", ".1f")),
            "Octets of WAL: records, and with whole pages right after a checkpoint:\n"
            + _table(steps, "wal", ("records", "pages too"), (".0f", ".0f")),
            "Octets for each token, and seconds to load the tokens:\n"
            + tabulate(octets, headers=["", *sizes], floatfmt=".0f"),
            "",
        ]
    )


def _table(
    steps: Sequence[_Step], part: str, titles: Sequence[str], formats: Sequence[str]
) -> str:
    rows = [(step.tokens, getattr(step, part)) for step in steps]
    calls = list(rows[0][1])
    lines = [
        [f"{tokens:,}", *(figure for call in calls for figure in found[call])]
        for tokens, found in rows
    ]
    headers = ["tokens", *(f"{call} {title}" for call in calls for title in titles)]
    return tabulate(
        lines,
        headers=headers,
        floatfmt=("", *(each for _ in calls for each in formats)),
        colalign=("right",),
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.growth: {error}", file=sys.stderr)
        sys.exit(2)
