"""`python -m benchmarks.comparison`: what calls cost here, in peers and in drivers.

Exits with 1 when a verification is less than 4 times as cheap as SQLAlchemy's and
Authlib's or 7 times as django-oauth-toolkit's in processor time, or when 16 callers of
one process have less than 70% of pgbench's throughput. `make benchmark` installs the
packages that it needs.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries.codegen.throwaway import memory_folder
from authority_queries.errors import AuthorityError
from benchmarks.compared.pgbench import Pgbench, pgbench
from benchmarks.compared.tables import PEERS, Figures, chart, report
from benchmarks.compared.worker import Spent, Worker, prepared, workers
from benchmarks.compared.workload import PICKED
from benchmarks.machine import machine
from benchmarks.server import server_with

_RESULTS: Final = Path(__file__).resolve().parent / "results"
_ROOM: Final = 3 << 30
_SETTINGS: Final = {"shared_buffers": "1GB", "fsync": "off", "autovacuum": "off"}
_CALLS: Final = ("verify", "issue", "rotate", "sign in")
_OURS: Final = ("verify", "hit")
_LIMITS: Final = ("generated", "args_row", "row", "asyncpg")
_CALLERS: Final = ("callers", "callers_on_uvloop")
# Seconds of one block. Each store has processes of its own, which begin a block with
# cold caches.
_BLOCK: Final = 0.08
_WARM_UP: Final = 300
_PRUNED: Final = 2000
_CALLED: Final = 4800


class _Size(NamedTuple):
    """How much is measured."""

    tokens: int
    blocks: int
    rounds: int


_USUAL: Final = _Size(tokens=100_000, blocks=30, rounds=5)
_SHORT: Final = _Size(tokens=10_000, blocks=8, rounds=2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the chart, and return 1 above the limits."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison", description=__doc__
    )
    parser.add_argument(
        "--short", action="store_true", help="fewer tokens and blocks: half a minute"
    )
    parser.add_argument(
        "--chart",
        metavar="PATH",
        type=Path,
        help="write the chart into this file, as SVG",
    )
    chosen = parser.parse_args(arguments)
    size = _SHORT if chosen.short else _USUAL
    with (
        memory_folder(_ROOM) as folder,
        server_with(folder / "data", _SETTINGS) as server,
    ):
        print(machine(server), end="\n\n", flush=True)
        figures = _measured(server, folder / "data", size)
    print(report(figures, size.tokens), end="")
    if chosen.chart:
        chosen.chart.write_text(chart(figures), encoding="utf-8")
    return 0 if figures.are_met() else 1


def _measured(server: str, data_dir: Path, size: _Size) -> Figures:
    databases = {store: _created(server, store) for store in PEERS}
    given = {
        store: prepared(store, database, size.tokens)
        for store, database in databases.items()
    }
    ours = databases["authority"]
    stores: list[tuple[str, str, Any]] = [
        *((store, databases[store], given[store]) for store in PEERS),
        *((each, ours, given["authority"]) for each in ("drivers", *_CALLERS)),
    ]
    with (
        psycopg.connect(server, autocommit=True) as dba,
        pgbench(ours, given["authority"], data_dir) as bench,
        workers(stores, dba) as started,
    ):
        named = {worker.store: worker for worker in started}
        peers = [named[store] for store in PEERS]
        calls = {call: _in_turns(peers, [call] * 3, size.blocks) for call in _CALLS}
        calls["prune"] = _pruned(peers, size.rounds)
        drivers = [named["drivers"]] * len(_LIMITS)
        names = [*_OURS, *_LIMITS, "pgbench"]
        ways: list[Worker | Pgbench] = [
            *([named["authority"]] * len(_OURS)),
            *drivers,
            bench,
        ]
        limits = _in_turns(ways, names, size.blocks)
        return Figures(
            calls=calls,
            limits=dict(zip(names, limits, strict=True)),
            callers=_called(named, bench, size.rounds),
        )


def _created(server: str, store: str) -> str:
    with psycopg.connect(server, autocommit=True) as dba:
        create = SQL("create database {} template template0")
        dba.execute(create.format(Identifier(f"benchmark_{store}")))
    return make_conninfo(server, dbname=f"benchmark_{store}")


def _in_turns(
    ways: Sequence[Worker | Pgbench], calls: Sequence[str], blocks: int
) -> list[list[Spent]]:
    """Return for each way what a call took in each block. The ways take turns."""
    counts = []
    for worker, call in zip(ways, calls, strict=True):
        # A verifier must have been asked about each token.
        worker.warm(call, PICKED if call == "hit" else _WARM_UP)
        trial = worker.run(call, _WARM_UP)
        calls_in_block = max(1, round(_BLOCK / trial.clock))
        counts.append(max(calls_in_block, worker.least))
    found: list[list[Spent]] = [[] for _ in ways]
    for block in range(blocks):
        for turn in range(len(ways)):
            index = (block + turn) % len(ways)
            found[index].append(ways[index].run(calls[index], counts[index]))
    return found


def _pruned(peers: Sequence[Worker], rounds: int) -> list[list[Spent]]:
    found: list[list[Spent]] = [[] for _ in peers]
    for _ in range(rounds):
        for worker, spent in zip(peers, found, strict=True):
            worker.warm("expire", _PRUNED)
            spent.append(worker.run("prune", _PRUNED))
    return found


def _called(
    named: Mapping[str, Worker], bench: Pgbench, rounds: int
) -> dict[str, list[Spent]]:
    ways = {
        f"{call}, {'uvloop' if store.endswith('uvloop') else 'asyncio'}": (store, call)
        for call in ("authority", "asyncpg")
        for store in _CALLERS
    }
    found: dict[str, list[Spent]] = {way: [] for way in (*ways, "pgbench")}
    for store, call in ways.values():
        named[store].warm(call, _CALLED)
    for _ in range(rounds):
        for way, (store, call) in ways.items():
            found[way].append(named[store].run(call, _CALLED))
        found["pgbench"].append(bench.run("", _CALLED, clients=8))
    return found


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.comparison: {error}", file=sys.stderr)
        sys.exit(2)
