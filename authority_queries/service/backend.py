"""Starts the chosen backend: an existing server, or the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import make_conninfo

from authority_queries.service.settings import Settings


@contextmanager
def running_backend(settings: Settings) -> Iterator[str]:
    """Yield libpq's connection string of a server that runs during the block.

    The string has the user's settings and nothing else, so migrations and psql have no
    statement timeout of this package. Raises ConfigurationError, UnavailableError.
    """
    if settings.uses_embedded:
        # Imported here because it needs fcntl, which not every system has.
        from authority_queries.service.embedded import (  # noqa: PLC0415 -- see above
            running_embedded_server,
        )

        with running_embedded_server(settings.data_dir) as parameters:
            yield make_conninfo("", **parameters)
    else:
        yield make_conninfo("", **settings.connection_parameters)
