"""A server of its own: no other test changes its statistics and transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Monitor, Settings, Stats, migrate
from authority_queries.codegen.throwaway import memory_folder
from authority_queries.service.migrations import yoyo_url
from tests.cluster import Cluster, new_cluster
from tests.stores import Logins


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A migrated database. `watcher` is a reader that sees all sessions, too."""

    dba: "psycopg.Connection[Any]"
    logins: Logins
    watcher: str
    cluster: Cluster

    def read(self, conninfo: str | None = None, **arguments: Any) -> Stats:
        """Read the figures, by default as the watcher."""
        with opened(conninfo or self.watcher) as monitor:
            return monitor.read(**arguments)

    def flush(self) -> None:
        """Let the statistics of the superuser's session become visible."""
        self.dba.execute("select pg_stat_force_next_flush()")
        self.dba.execute("select pg_stat_clear_snapshot()")


@contextmanager
def opened(conninfo: str) -> Iterator[Monitor]:
    settings = Settings(
        database_url=yoyo_url(conninfo), pool_min_size=1, pool_max_size=1
    )
    with Monitor.open(settings) as monitor:
        yield monitor


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with memory_folder(1 << 30) as folder, new_cluster(folder) as cluster:
        cluster.start("-F", "-c", "max_prepared_transactions=2")
        with psycopg.connect(cluster.conninfo, autocommit=True) as dba:
            dba.execute("create database authority template template0")
        conninfo = make_conninfo(cluster.conninfo, dbname="authority")
        migrate(conninfo)
        with psycopg.connect(conninfo, autocommit=True) as dba:
            logins = {}
            for kind in ("app", "maintenance", "reader", "watcher"):
                role = "reader" if kind == "watcher" else kind
                dba.execute(
                    f"create role {kind} login in role authority_{role}".encode()
                )
                dba.execute(f"grant connect on database authority to {kind}".encode())
                logins[kind] = make_conninfo(conninfo, user=kind)
            dba.execute("grant pg_read_all_stats to watcher")
            watcher = logins.pop("watcher")
            yield Watched(
                dba=dba,
                logins=Logins(dba=conninfo, **logins),
                watcher=watcher,
                cluster=cluster,
            )
