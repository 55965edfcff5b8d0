"""A temporary PostgreSQL database."""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries.codegen.template_cache import TemplateCache, usual_cache
from authority_queries.codegen.template_key import template_key
from authority_queries.errors import UnavailableError
from authority_queries.service.embedded import running_embedded_server
from authority_queries.service.embedded.folders import temporary_folder
from authority_queries.service.migrations import migrate_plainly

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- the folder in it is made by tempfile
_ROOM: Final = 1 << 30
_NAME: Final = "authority_throwaway"
# A crash loses nothing that is needed; a short log is sooner copied.
_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
}
_LOG: Final = logging.getLogger(__name__)


@contextmanager
def throwaway_database(
    migrations: Sequence[Path], server: str | None = None
) -> Iterator[str]:
    """Return the connection string of a new database with these migrations applied.

    It is on the server with this connection string, or else on an embedded one that
    is started for it. Raises ConfigurationError, UnavailableError, MigrationError.
    """

    def prepare(conninfo: str) -> None:
        _LOG.info("applying the migrations")
        migrate_plainly(conninfo, migrations)

    key = template_key(migrations, [sys.modules[__name__]])
    with prepared_database(prepare, key=key, server=server) as conninfo:
        yield conninfo


@contextmanager
def prepared_database(
    prepare: Callable[[str], None],
    *,
    key: str | None,
    server: str | None,
    cache: TemplateCache | None = None,
    room: int = _ROOM,
) -> Iterator[str]:
    """Return the connection string of a new database that `prepare` has filled.

    It is on the server with this connection string, or else on an embedded one. What
    `prepare` leaves there is kept under the key, and restored when the same key comes
    again; None keeps nothing. The server is in memory if so many octets are free there.
    Raises what `prepare` does, ConfigurationError, UnavailableError.
    """
    if server is not None:
        with _new_database(server) as database:
            prepare(database)
            yield database
        return
    with memory_folder(room) as folder:
        data_dir = folder / "data"
        cache = cache or usual_cache()
        if not (cache and key and cache.restore(key, data_dir)):
            _prepare(data_dir, prepare)
            if cache and key:
                cache.keep(key, data_dir)
        with running_embedded_server(data_dir) as parameters:
            yield make_conninfo("", **{**parameters, "dbname": _NAME})


def _prepare(data_dir: Path, prepare: Callable[[str], None]) -> None:
    _LOG.info("making a PostgreSQL server")
    with running_embedded_server(data_dir) as parameters:
        conninfo = make_conninfo("", **parameters)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for name, value in _SETTINGS.items():
                connection.execute(
                    SQL("alter system set {} = {}").format(Identifier(name), value)
                )
            connection.execute("select pg_reload_conf()")
        _create(conninfo, _NAME)
        prepare(make_conninfo(conninfo, dbname=_NAME))
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("alter system reset all")  # from the next start on


@contextmanager
def running_server(conninfo: str | None) -> Iterator[str]:
    """Return this connection string, or that of an embedded server without data."""
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
    """Return a folder for a server, in memory if so many octets are free there."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > room
    with temporary_folder(_MEMORY if roomy else None) as folder:
        yield folder


@contextmanager
def _new_database(conninfo: str) -> Iterator[str]:
    name = f"{_NAME}_{os.getpid()}"
    _create(conninfo, name)
    try:
        yield make_conninfo(conninfo, dbname=name)
    finally:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(
                SQL("drop database if exists {} with (force)").format(Identifier(name))
            )


def _create(conninfo: str, name: str) -> None:
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
