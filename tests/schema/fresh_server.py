"""A server of its own, for tests that the shared one cannot serve.

Roles belong to a whole server, and other tests have created the authority's roles on
the shared one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import make_conninfo

from authority_queries.codegen.throwaway import memory_folder
from authority_queries.service.embedded import embedded_program, running_embedded_server
from tests.cluster import new_cluster
from tests.conftest import DATABASE_URL, server_folder


@contextmanager
def fresh_server() -> Iterator[tuple[str, str]]:
    """Yield a superuser's connection string, and the path of the server's psql."""
    if DATABASE_URL is None:
        with (
            server_folder() as folder,
            running_embedded_server(folder / "data") as parameters,
        ):
            yield make_conninfo("", **parameters), embedded_program("psql")
        return
    with memory_folder(1 << 30) as folder, new_cluster(folder) as cluster:
        cluster.start("-F")
        yield cluster.conninfo, str(cluster.programs / "psql")
