"""`python -m benchmarks.auditing`: the cost of audit events and of their chains.

Writers of one tenant each change a user of their own, in transactions with one more
trip, on a server that waits for its disk. Rounds of all candidates take turns.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from threading import Barrier
from time import perf_counter
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import Store, migrate
from authority_queries.service.embedded import running_embedded_server
from authority_queries.service.embedded.folders import temporary_folder
from benchmarks.machine import machine

# Not /tmp, which may be in memory.
_DISK: Final = Path("/var/tmp")  # noqa: S108 -- the folder in it is made by tempfile
_ROUNDS: Final = 7
_CHANGES: Final = 60  # a writer, a round
_WRITERS: Final = (1, 8)
_BULK: Final = 20_000
_CHAINED: Final = (
    "create constraint trigger chain_trigger after insert on authority.audit_events "
    "deferrable initially {} for each row execute function authority.chain_event()"
)
_ON: Final = "alter table authority.users enable trigger users_audit_trigger"
_OFF: Final = "alter table authority.users disable trigger users_audit_trigger"
CANDIDATES: Final[Mapping[str, Sequence[str]]] = {
    "no events": [_OFF],
    "events, sealed later": [_ON],
    "events, chained at commit": [_ON, _CHAINED.format("deferred")],
    "events, chained at once": [_ON, _CHAINED.format("immediate")],
}

Dba = psycopg.Connection[Any]


def main() -> int:
    """Measure, and print the tables."""
    with (
        temporary_folder(_DISK) as folder,
        running_embedded_server(folder / "data") as parameters,
    ):
        database = make_conninfo("", **parameters)
        migrate(database)
        print(machine(database))
        print(f"fsync on, {_ROUNDS} rounds of {_CHANGES} transactions a writer, median")
        with psycopg.connect(database, autocommit=True) as dba:
            tenant_id, users = _prepare(dba)
            print(_writers_table(database, dba, tenant_id, users))
            print(_rows_table(database, dba))
    return 0


def _prepare(dba: Dba) -> tuple[UUID, Sequence[UUID]]:
    dba.execute(Path(__file__).with_suffix(".sql").read_bytes())
    [(tenant_id,)] = dba.execute(
        "insert into authority.tenants (code, display_name) values ('t', 'T') "
        "returning id"
    ).fetchall()
    users = dba.execute(
        "insert into authority.users (tenant_id, username, username_key) "
        "select %s, n::text, n::text from generate_series(1, %s) as n returning id",
        (tenant_id, _BULK),
    ).fetchall()
    return tenant_id, [user for (user,) in users]


def _choose(dba: Dba, candidate: str) -> None:
    dba.execute("drop trigger if exists chain_trigger on authority.audit_events")
    dba.execute("truncate authority.audit_chains, authority.audit_events")
    for statement in CANDIDATES[candidate]:
        dba.execute(statement.encode())


def _writers_table(
    database: str, dba: Dba, tenant_id: UUID, users: Sequence[UUID]
) -> str:
    """Return the transactions per second of each candidate."""
    rates: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for writers in _WRITERS:
        options = f"-c role=authority_app -c authority.tenant_id={tenant_id}"
        connections = [
            psycopg.connect(database, options=options) for _ in range(writers)
        ]
        rounds: dict[str, list[float]] = {name: [] for name in CANDIDATES}
        for number in range(_ROUNDS + 1):
            for name in CANDIDATES:
                _choose(dba, name)
                rate = _round(connections, users)
                if number:  # the first round warms the caches
                    rounds[name].append(rate)
        for connection in connections:
            connection.close()
        for name, measured in rounds.items():
            rates[name].append(median(measured))
    lines = [(name, *measured) for name, measured in rates.items()]
    headers = ("candidate", *(f"{n} writers /s" for n in _WRITERS))
    return tabulate(lines, headers, floatfmt=("", ".0f", ".0f"))


def _round(connections: Sequence[Dba], users: Sequence[UUID]) -> float:
    """Return the transactions per second."""
    start = Barrier(len(connections) + 1)

    def change_all(connection: Dba, user: UUID) -> None:
        start.wait()
        for number in range(_CHANGES):
            connection.execute(
                "update authority.users set display_name = %s, "
                "updated_at = authority.clock() where id = %s",
                (f"name {number}", user),
            )
            connection.execute("select 1")
            connection.commit()

    with ThreadPoolExecutor(len(connections)) as threads:
        done = [
            threads.submit(change_all, *each)
            for each in zip(connections, users, strict=False)
        ]
        start.wait()
        begin = perf_counter()
        for each in done:
            each.result()
        return len(connections) * _CHANGES / (perf_counter() - begin)


def _rows_table(database: str, dba: Dba) -> str:
    """Return the server's processor time for one row, in large transactions."""
    change = "update authority.users set display_name = display_name || 'x'"
    spent = {}
    for name in ("no events", "events, sealed later"):
        _choose(dba, name)
        spent[f"change, {name}"] = _time(dba, lambda: dba.execute(change.encode()))
    options = "-c role=authority_maintenance"
    with psycopg.connect(database, options=options, autocommit=True) as connection:
        events = Store(connection).audit_events
        spent["seal"] = _time(connection, lambda: events.seal(batch_size=_BULK))
    lines = spent.items()
    return tabulate(lines, ("of each row", "microseconds"), floatfmt=("", ".0f"))


def _time(connection: Dba, work: Callable[[], object]) -> float:
    """Return the processor microseconds of the server's process for each row."""
    schedstat = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    before = int(schedstat.read_text().split()[0])
    work()
    return (int(schedstat.read_text().split()[0]) - before) / _BULK / 1e3


if __name__ == "__main__":
    sys.exit(main())
