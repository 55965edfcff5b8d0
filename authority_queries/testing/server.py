"""The server and the database of a run of tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg.conninfo import make_conninfo

from authority_queries.codegen import throwaway
from authority_queries.codegen.template_key import template_key
from authority_queries.codegen.throwaway import prepared_database
from authority_queries.resources import BOOKS, MIGRATIONS
from authority_queries.service import migration_books
from authority_queries.service.migrations import migrate, yoyo_url
from authority_queries.service.settings import Settings

# A superuser's URL of an existing server, on which a database is created for the run.
URL: Final = "AUTHORITY_TEST_DATABASE_URL"


@contextmanager
def running_database() -> Iterator[tuple[str, Settings]]:
    """Yield a migrated database's connection string, and the settings of services.

    The embedded server's data is kept until the migrations change, so that the next run
    begins sooner. AUTHORITY_DATABASE_URL and the like have no effect. Raises
    ConfigurationError, UnavailableError, MigrationError.
    """
    server = os.environ.get(URL)
    if server is not None:
        existing = Settings(backend="postgres", database_url=server)
        server = make_conninfo("", **existing.connection_parameters)
    key = template_key([MIGRATIONS, BOOKS], [throwaway, migration_books])
    with prepared_database(_migrate, key=key, server=server) as conninfo:
        yield (
            conninfo,
            Settings(
                backend="postgres", database_url=yoyo_url(conninfo), replica_url=None
            ),
        )


def _migrate(conninfo: str) -> None:
    migrate(conninfo)
