"""The two backends: a server that is there, and one that comes in a wheel."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import make_conninfo

from authority_queries.service.settings import Settings


@contextmanager
def running_backend(settings: Settings) -> Iterator[str]:
    """Give libpq's connection string, the server running for the time of the block.

    It holds what the user said and nothing more: migrations and psql have no statement
    timeout of ours. Raises ConfigurationError, UnavailableError.
    """
    if settings.uses_embedded:
        # Imported late because it needs locks that not every system has.
        from authority_queries.service.embedded import (  # noqa: PLC0415 -- because of that
            running_embedded_server,
        )

        with running_embedded_server(settings.data_dir) as parameters:
            yield make_conninfo("", **parameters)
    else:
        yield make_conninfo("", **settings.connection_parameters)
