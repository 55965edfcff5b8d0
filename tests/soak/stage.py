"""A server of a run's own, its logins, and the proxy that its services go through."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries import migrate
from tests.cluster import Cluster, new_cluster
from tests.conftest import server_folder
from tests.soak.proxy import Proxy, running_proxy
from tests.stores import Logins

LOGINS = ("app", "maintenance")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """`logins` lead to the server itself, `service` leads through the proxy."""

    folder: Path
    cluster: Cluster
    logins: Logins
    service: str
    operator: str
    proxy: Proxy

    @contextmanager
    def dba(self) -> Iterator["psycopg.Connection[Any]"]:
        """A superuser in autocommit, not through the proxy."""
        with psycopg.connect(self.logins.dba, autocommit=True) as connection:
            yield connection


@contextmanager
def opened_stage() -> Iterator[Stage]:
    """Start a server without data, apply the migrations, put the proxy before it."""
    with server_folder() as folder, new_cluster(folder) as cluster:
        cluster.start()
        migrate(cluster.conninfo)
        with psycopg.connect(cluster.conninfo) as dba:
            for name in LOGINS:
                dba.execute(f"create role {name} login in role authority_{name}")
        socket = _socket_of(cluster)
        logins = Logins(
            dba=cluster.conninfo,
            app=make_conninfo(cluster.conninfo, user="app"),
            maintenance=make_conninfo(cluster.conninfo, user="maintenance"),
            reader="",
        )
        with running_proxy(socket) as proxy:
            yield Stage(
                folder=folder,
                cluster=cluster,
                logins=logins,
                service=proxy.conninfo(logins.app),
                operator=proxy.conninfo(logins.maintenance),
                proxy=proxy,
            )


def _socket_of(cluster: Cluster) -> Path:
    parts = conninfo_to_dict(cluster.conninfo)
    return Path(str(parts["host"])) / f".s.PGSQL.{parts.get('port', 5432)}"
