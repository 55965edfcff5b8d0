"""A server with settings of its own, for one benchmark."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries.service.embedded import running_embedded_server


@contextmanager
def server_with(data_dir: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Create an embedded server in this folder, and yield its connection string."""
    with (
        running_embedded_server(data_dir) as parameters,
        psycopg.connect(make_conninfo("", **parameters), autocommit=True) as dba,
    ):
        for name, value in settings.items():
            set_to = SQL("alter system set {} = {}")
            dba.execute(set_to.format(Identifier(name), value))
    with running_embedded_server(data_dir) as parameters:
        yield make_conninfo("", **parameters)
