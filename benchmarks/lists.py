"""`python -m benchmarks.lists`: what pages of lists cost at each position.

Reads the first, a middle and the last page of each list, 40 times each, with custom
and with generic plans, in one tenant with so many rows in each list. A page has 50
rows. Exits with 1 when a page of a longer list reads more than 1.5 times the blocks of
the same page of the shortest one and 100 more, and with 2 when there is no server.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import Store
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.resources import MIGRATIONS
from benchmarks.list_calls import TENANT, ListCall, fill, list_calls
from benchmarks.list_costs import blocks_of, bound_to
from benchmarks.machine import machine

_ROWS: Final = (10_000, 30_000)
_CALLS: Final = 40
_PLANS: Final = ("custom", "generic")
_PLACES: Final = ("first", "middle", "last")
_PAGE: Final = 50


class _Cost(NamedTuple):
    """What a page cost in one place with one kind of plan."""

    milliseconds: float
    blocks: int


# By the list's title, the kind of plan and the place.
_Costs = dict[tuple[str, str, str], _Cost]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return 1 if a longer list's page reads more."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lists", description=__doc__
    )
    parser.add_argument(
        "--rows", type=int, nargs="+", default=_ROWS, help="rows of each list"
    )
    parser.add_argument(
        "--server", metavar="CONNINFO", help="server to measure on (default: embedded)"
    )
    options = parser.parse_args(arguments)
    measured: dict[int, _Costs] = {}
    for rows in options.rows:
        with throwaway_database([MIGRATIONS], options.server) as database:
            if not measured:
                print(machine(database), end="\n\n")
            measured[rows] = _measured(database, rows)
        print(f"Pages of {_PAGE} of lists of {rows:,} rows, ms and blocks read:")
        print(_table(measured[rows]), end="\n\n", flush=True)
    wrong = list(_longer(measured))
    print(*wrong or ["A page costs the same however long its list is."], sep="\n")
    return 1 if wrong else 0


def _measured(database: str, rows: int) -> _Costs:
    with psycopg.connect(database, autocommit=True) as connection:
        newest = fill(connection, rows)
        connection.execute("vacuum analyze")
    costs: _Costs = {}
    for plan in _PLANS:
        with ExitStack() as stack:
            stores = {
                is_of_tenant: Store(stack.enter_context(_connect(database, role, plan)))
                for is_of_tenant, role in (
                    (True, "authority_app"),
                    (False, "authority_maintenance"),
                )
            }
            for call in list_calls(newest):
                for place, row in zip(_PLACES, _rows_before(rows), strict=True):
                    store = stores[call.is_of_tenant]
                    costs[call.title, plan, place] = _cost(store, call, row, rows)
    return costs


def _connect(database: str, role: str, plan: str) -> psycopg.Connection[object]:
    options = (
        f"-c role={role} -c authority.tenant_id={TENANT} "
        f"-c plan_cache_mode=force_{plan}_plan"
    )
    return psycopg.connect(
        make_conninfo(database, options=options), autocommit=True, prepare_threshold=0
    )


def _rows_before(rows: int) -> tuple[int, int, int]:
    return 0, rows // 2, rows - _PAGE


def _cost(store: Store, call: ListCall, row: int, rows: int) -> _Cost:
    page = bound_to(store, call, row, rows, page_size=_PAGE)
    blocks = blocks_of(store.connection, page)
    times = []
    for _ in range(_CALLS):
        started = perf_counter()
        page()
        times.append(perf_counter() - started)
    return _Cost(median(times) * 1000, blocks)


def _table(costs: _Costs) -> str:
    titles = dict.fromkeys(title for title, _, _ in costs)
    places = [(plan, place) for plan in _PLANS for place in _PLACES]
    lines = [
        [title]
        + [f"{costs[title, *where].milliseconds:.2f}" for where in places]
        + [max(costs[title, *where].blocks for where in places)]
        for title in titles
    ]
    headers = ["list", *(f"{plan}\n{place}" for plan, place in places), "most\nblocks"]
    return tabulate(lines, headers=headers, disable_numparse=True, colalign=["left"])


def _longer(measured: dict[int, _Costs]) -> Iterator[str]:
    shortest, *longer = sorted(measured)
    for rows in longer:
        for where, cost in measured[rows].items():
            least = measured[shortest][where].blocks
            if cost.blocks > 1.5 * least + 100:
                named = ", ".join(where)
                yield f"{named}: {cost.blocks} blocks of {rows:,} rows, before {least}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.lists: {error}", file=sys.stderr)
        sys.exit(2)
