"""The server of a run, its logins, and the proxy that services use."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from authority_queries import migrate
from tests.cluster import Cluster, new_cluster
from tests.conftest import server_folder
from tests.soak.proxy import Proxy, running_proxy
from tests.stores import Logins


@dataclass(frozen=True, kw_only=True)
class Stage:
    """`logins` lead to the server itself, `service` and `operator` through the proxy.

    Without a `cluster` the server is shared: it is neither killed nor stopped, and
    dumped with no program of it.
    """

    logins: Logins
    service: str
    operator: str
    proxy: Proxy
    folder: Path
    cluster: Cluster | None = None

    @contextmanager
    def dba(self) -> Iterator["psycopg.Connection[Any]"]:
        """Connect a superuser in autocommit, not through the proxy."""
        with psycopg.connect(self.logins.dba, autocommit=True) as connection:
            yield connection


@contextmanager
def opened_stage() -> Iterator[Stage]:
    """Start a server of the run's own, with an empty authority."""
    with server_folder() as folder, new_cluster(folder) as cluster:
        cluster.start()
        migrate(cluster.conninfo)
        with psycopg.connect(cluster.conninfo) as dba:
            for name in ("app", "maintenance"):
                dba.execute(f"create role {name} login in role authority_{name}")
                dba.execute(f"grant connect on database postgres to {name}")
        logins = Logins(
            dba=cluster.conninfo,
            app=make_conninfo(cluster.conninfo, user="app"),
            maintenance=make_conninfo(cluster.conninfo, user="maintenance"),
            reader="",
        )
        with before(logins, folder, cluster) as stage:
            yield stage


@contextmanager
def before(
    logins: Logins, folder: Path, cluster: Cluster | None = None
) -> Iterator[Stage]:
    """Put a proxy before the server of these logins."""
    with running_proxy(logins.dba) as proxy:
        yield Stage(
            logins=logins,
            service=proxy.conninfo(logins.app),
            operator=proxy.conninfo(logins.maintenance),
            proxy=proxy,
            folder=folder,
            cluster=cluster,
        )
