"""`python -m benchmarks.hints`: the cost of NOTIFY for publishers.

Rounds with and without NOTIFY take turns, on a server that waits for its disk.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Barrier
from time import perf_counter
from typing import Final
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import Maintenance, Settings, Store, migrate
from authority_queries.service.embedded import running_embedded_server
from authority_queries.service.embedded.folders import temporary_folder
from authority_queries.service.migrations import yoyo_url
from benchmarks.machine import machine

# Not /tmp, which may be in memory.
_DISK: Final = Path("/var/tmp")  # noqa: S108 -- the folder in it is made by tempfile
_ROUNDS: Final = 9
_PUBLICATIONS: Final = 150  # a publisher, a round
_PUBLISHERS: Final = (1, 8)


def main() -> int:
    """Measure, and print the table."""
    with (
        temporary_folder(_DISK) as folder,
        running_embedded_server(folder / "data") as parameters,
    ):
        database = make_conninfo("", **parameters)
        migrate(database)
        print(machine(database))
        print(
            f"fsync on, {_ROUNDS} rounds of {_PUBLICATIONS} publications each, median"
        )
        print(_table(database))
    return 0


def _table(database: str) -> str:
    lines = []
    for publishers in _PUBLISHERS:
        with _connections(database, publishers) as connections:
            # The first round warms the caches.
            rounds = [
                [_round(connections, hint=hint) for hint in (True, False)]
                for _ in range(_ROUNDS + 1)
            ][1:]
        hinted, silent = (median(column) for column in zip(*rounds, strict=True))
        ratio = median(with_hint / without for with_hint, without in rounds)
        lines.append((publishers, silent, hinted, ratio))
    headers = ("tenants publish at once", "no hint /s", "hint /s", "ratio")
    return tabulate(lines, headers, floatfmt=("", ".0f", ".0f", ".2f"))


@contextmanager
def _connections(
    database: str, count: int
) -> Iterator[Sequence[tuple[UUID, "psycopg.Connection[object]"]]]:
    with (
        Maintenance.open(Settings(database_url=yoyo_url(database))) as maintenance,
        maintenance.store() as store,
    ):
        ids = [
            store.tenants.create(code=f"t{count}-{n}", display_name="T").id
            for n in range(count)
        ]
    connections = []
    try:
        for id_ in ids:
            options = f"-c role=authority_app -c authority.tenant_id={id_}"
            connection = psycopg.connect(database, options=options, autocommit=True)
            connections.append((id_, connection))
        yield connections
    finally:
        for _, connection in connections:
            connection.close()


def _round(
    connections: Sequence[tuple[UUID, "psycopg.Connection[object]"]], *, hint: bool
) -> float:
    """Return the publications per second."""
    start = Barrier(len(connections) + 1)

    def publish_all(tenant_id: UUID, connection: "psycopg.Connection[object]") -> None:
        start.wait()
        for _ in range(_PUBLICATIONS):
            Store(connection).revocations.publish(
                tenant_id=tenant_id,
                category="key",
                target="jti",
                reason="benchmark",
                hint=hint,
            )

    with ThreadPoolExecutor(len(connections)) as threads:
        done = [threads.submit(publish_all, *each) for each in connections]
        start.wait()
        begin = perf_counter()
        for each in done:
            each.result()
        return len(connections) * _PUBLICATIONS / (perf_counter() - begin)


if __name__ == "__main__":
    sys.exit(main())
