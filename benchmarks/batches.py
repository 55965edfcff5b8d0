"""`python -m benchmarks.batches`: calls with many rows beside the calls with one.

Exits with 1 when importing 100,000 tokens takes more than a twentieth of the time of
single calls.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep
from typing import Final, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import Authority, Settings, Store, migrate
from authority_queries.errors import AuthorityError
from authority_queries.service.embedded import running_embedded_server
from authority_queries.service.embedded.folders import temporary_folder
from authority_queries.service.migrations import yoyo_url
from benchmarks.batches_work import IMPORTED, Work, copy_as_superuser
from benchmarks.machine import machine
from benchmarks.rows import Rows, insert_rows
from tests.proxy import proxy

# Not /tmp, which may be in memory.
_DISK: Final = Path("/var/tmp")  # noqa: S108 -- the folder in it is made by tempfile
_ROUNDS: Final = 7
_SINGLES: Final = 50  # a round
_UNITS: Final = 20  # a round
_LATENCY: Final = 0.001
_MOST: Final = 1 / 20
_HEADERS: Final = ("call", "rows", "CPU µs a row", "to single", "µs a row", "to single")
_FORMATS: Final = ("", "", ".1f", ".3f", ".1f", ".4f")

# Makes a call with so many rows, or so many calls.
Call = Callable[[int], object]
Cells = tuple[str, str, float, float, float, float]


class Cost(NamedTuple):
    """Seconds for a row: of the processors, and of the clock."""

    cpu: float
    clock: float


class Meter:
    """Measures this process and two of the server's."""

    def __init__(self, *backend_pids: int) -> None:
        self._files = [Path(f"/proc/{pid}/schedstat") for pid in backend_pids]

    def cost(self, call: Call, rows: int) -> Cost:
        """Return what a row of the call costs."""
        spent, started = self._spent(), perf_counter()
        call(rows)
        clock = perf_counter() - started
        return Cost((self._spent() - spent) / rows, clock / rows)

    def _spent(self) -> float:
        on_server = sum(int(each.read_text().split()[0]) for each in self._files)
        return process_time() + on_server / 1e9

    def compare(
        self, title: str, single: Call, many: Call, sizes: list[int]
    ) -> list[Cells]:
        """Return a line for single calls and one for each size, in turns."""
        rounds = [
            [self.cost(single, _SINGLES), *(self.cost(many, size) for size in sizes)]
            for _ in range(_ROUNDS + 1)
        ][1:]
        columns = [*zip(*rounds, strict=True)]
        return [
            _cells(title, size, [*costs], [*columns[0]])
            for size, costs in zip([1, *sizes], columns, strict=True)
        ]


def _cells(title: str, size: int, costs: list[Cost], singles: list[Cost]) -> Cells:
    pairs = [*zip(costs, singles, strict=True)]
    return (
        title,
        f"{size:,}",
        median(each.cpu for each in costs) * 1e6,
        median(each.cpu / one.cpu for each, one in pairs),
        median(each.clock for each in costs) * 1e6,
        median(each.clock / one.clock for each, one in pairs),
    )


def main() -> int:
    """Measure, print the tables, and return 1 above the limit."""
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder(_DISK))
        parameters = stack.enter_context(running_embedded_server(folder / "data"))
        database = make_conninfo("", **parameters)
        migrate(database)
        print(machine(database))
        with psycopg.connect(database, autocommit=True) as dba:
            rows = insert_rows(dba)
        ratio = _measured(database, rows)
        _print_reads(database, rows)
    print(f"\nimport to single calls, by the clock: {ratio:.4f}; allowed: {_MOST}")
    return 1 if ratio > _MOST else 0


def _opened(stack: ExitStack, database: str) -> Authority:
    settings = Settings(database_url=yoyo_url(database), pool_max_size=1)
    return stack.enter_context(Authority.open(settings))


def _measured(database: str, rows: Rows) -> float:
    with ExitStack() as stack:
        verifier, issuer = (_opened(stack, database) for _ in range(2))
        with verifier.tenant(rows.tenant_id) as store:
            pid = store.connection.info.backend_pid
        store = stack.enter_context(issuer.tenant(rows.tenant_id, autocommit=True))
        meter = Meter(pid, store.connection.info.backend_pid)
        work = Work(verifier, store, rows)
        lines = [
            line
            for title, single, many in work.pairs()
            for line in meter.compare(title, single, many, [10, 100, 1000])
        ]
        print(f"\nfsync on, medians of {_ROUNDS} rounds with {_SINGLES} single calls:")
        print(tabulate(lines, _HEADERS, floatfmt=_FORMATS))
        imports = _imports(meter, work, database)
    print(f"\nonce, single calls extrapolated from {10 * _SINGLES}, fsync on:")
    print(tabulate(imports, _HEADERS, floatfmt=_FORMATS))
    return imports[1][-1]


def _imports(meter: Meter, work: Work, database: str) -> list[Cells]:
    """Return the lines of imports, each in one transaction."""
    tokens = meter.cost(work.create_tokens, 10 * _SINGLES)
    users = meter.cost(work.create_users, 10 * _SINGLES)
    found = [
        ("tokens.create", 1, tokens, tokens),
        (
            "imports.import_tokens",
            IMPORTED,
            meter.cost(work.import_tokens, IMPORTED),
            tokens,
        ),
    ]
    with psycopg.connect(database, autocommit=True) as dba:
        copying = Meter(dba.info.backend_pid)
        bare = copying.cost(lambda rows: copy_as_superuser(dba, work, rows), IMPORTED)
    found += [
        ("bare COPY, no row-level security", IMPORTED, bare, tokens),
        ("users.create", 1, users, users),
        (
            "imports.import_users",
            IMPORTED // 10,
            meter.cost(work.import_users, IMPORTED // 10),
            users,
        ),
    ]
    return [_cells(title, size, [cost], [one]) for title, size, cost, one in found]


class _Late:
    """Passes on what the client sends, later by the latency of a network."""

    def from_client(self, octets: bytes) -> bytes:
        sleep(_LATENCY)
        return octets

    def from_server(self, octets: bytes) -> bytes:
        return octets


def _print_reads(database: str, rows: Rows) -> None:
    """Print what a unit of five reads takes, one by one and together."""
    with ExitStack() as stack:
        late = stack.enter_context(proxy(database, _Late))
        lines = []
        for place, conninfo in (("here", database), ("1 ms away", late)):
            authority = _opened(stack, conninfo)

            def unit(*, together: bool, authority: Authority = authority) -> float:
                started = perf_counter()
                for _ in range(_UNITS):
                    with authority.tenant(rows.tenant_id) as store:
                        _read(store, rows, together=together)
                return (perf_counter() - started) / _UNITS * 1e3

            turns = [
                (unit(together=False), unit(together=True)) for _ in range(_ROUNDS + 1)
            ][1:]
            one, many = (median(each) for each in zip(*turns, strict=True))
            lines.append((place, one, many, median(b / a for a, b in turns)))
        headers = ("server", "one by one, ms", "together, ms", "ratio")
        print("\na unit with five reads:")
        print(tabulate(lines, headers, floatfmt=".2f"))
        stack.pop_all().close()


def _read(store: Store, rows: Rows, *, together: bool) -> None:
    tenant_id, user_id = rows.tenant_id, rows.user_id
    calls: list[Callable[[], object]] = [
        lambda: store.users.get_by_id(tenant_id=tenant_id, user_id=user_id),
        lambda: store.roles.list(tenant_id=tenant_id),
        lambda: store.scopes.resolve(tenant_id=tenant_id, names=["openid"]),
        lambda: store.clients.get_by_id(
            tenant_id=tenant_id, client_uuid=rows.client_uuid
        ),
        lambda: store.tokens.verify(tenant_id=tenant_id, token_hash=rows.token_hash),
    ]
    if together:
        store.together(*calls)
    else:
        for call in calls:
            call()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.batches: {error}", file=sys.stderr)
        sys.exit(2)
