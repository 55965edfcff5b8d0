"""A PostgreSQL database that lives as long as the work that it is needed for."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries.errors import UnavailableError
from authority_queries.service.embedded import running_embedded_server
from authority_queries.service.embedded.folders import temporary_folder
from authority_queries.service.migrations import migrate_plainly

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- the folder in it is made by tempfile
_ROOM: Final = 1 << 30


@contextmanager
def throwaway_database(
    migrations: Sequence[Path], server: str | None = None
) -> Iterator[str]:
    """Give the connection string of a new database with these migrations applied.

    It is on the server with this connection string, or else on an embedded one that
    is started for it. Raises ConfigurationError, UnavailableError, MigrationError.
    """
    with running_server(server) as conninfo, _new_database(conninfo) as database:
        migrate_plainly(database, migrations)
        yield database


@contextmanager
def running_server(conninfo: str | None) -> Iterator[str]:
    """Give this connection string, or that of an embedded server without data."""
    if conninfo is not None:
        yield conninfo
        return
    with (
        memory_folder(_ROOM) as folder,
        running_embedded_server(folder / "data") as parameters,
    ):
        yield make_conninfo("", **parameters)


@contextmanager
def memory_folder(room: int) -> Iterator[Path]:
    """Give a folder for a server, in memory if so many octets are free there."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > room
    with temporary_folder(_MEMORY if roomy else None) as folder:
        yield folder


@contextmanager
def _new_database(conninfo: str) -> Iterator[str]:
    name = f"authority_throwaway_{os.getpid()}"
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(
                SQL("create database {} template template0 encoding 'UTF8'").format(
                    Identifier(name)
                )
            )
    except psycopg.OperationalError as error:
        message = f"no connection to PostgreSQL for a throwaway database: {error}"
        raise UnavailableError(message) from error
    try:
        yield make_conninfo(conninfo, dbname=name)
    finally:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(
                SQL("drop database if exists {} with (force)").format(Identifier(name))
            )
