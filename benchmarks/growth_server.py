"""The server and the databases of benchmarks.growth, on a disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries.resources import MIGRATIONS
from authority_queries.service.embedded.folders import temporary_folder
from authority_queries.service.migrations import migrate_plainly
from benchmarks.growth_rows import load_first
from benchmarks.server import server_with

# Vacuum runs between the measurements only. wal_level = minimal spares the log of the
# indexes' builds; it logs the measured statements as replica does.
_SETTINGS: Final = {
    "fsync": "off",
    "shared_buffers": "3GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "full_page_writes": "off",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "jit": "off",
}


class Databases:
    """Databases of one server: the first one is the template of the others."""

    template: Final = "growth_small"

    def __init__(self, server: str, folder: Path) -> None:
        self._server = server
        self._folder = folder

    def conninfo(self, name: str) -> str:
        """Return the connection string of a superuser."""
        return make_conninfo(self._server, dbname=name)

    def make_template(self, tokens: int) -> None:
        """Create the template: the migrations and so many tokens."""
        self._execute(SQL("create database {} template template0"), self.template)
        migrate_plainly(self.conninfo(self.template), [MIGRATIONS])
        with psycopg.connect(self.conninfo(self.template), autocommit=True) as dba:
            load_first(dba, tokens)

    def copy(self, name: str) -> None:
        """Create a database, or create it again, as a copy of the template."""
        self._execute(SQL("drop database if exists {} with (force)"), name)
        self._execute(SQL("create database {} template {}"), name, self.template)

    def set_full_page_writes(self, value: str) -> None:
        """Set whether the first change of a page after a checkpoint logs the page."""
        with psycopg.connect(self._server, autocommit=True) as dba:
            dba.execute(SQL("alter system set full_page_writes = {}").format(value))
            dba.execute("select pg_reload_conf()")

    def evict(self, name: str) -> None:
        """Remove the database's pages from PostgreSQL's memory and the kernel's."""
        with psycopg.connect(self.conninfo(name), autocommit=True) as dba:
            dba.execute("create extension if not exists pg_buffercache")
            dba.execute("checkpoint")
            dba.execute("select pg_buffercache_evict_all()")
            found = dba.execute(
                "select oid from pg_database where datname = current_database()"
            ).fetchone()
        for file in (self._folder / "base" / str((found or ("",))[0])).iterdir():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)

    def _execute(self, statement: SQL, *names: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as dba:
            dba.execute(statement.format(*map(Identifier, names)))


@contextmanager
def databases(parent: Path | None) -> Iterator[Databases]:
    """Run a server with its data in a new folder below this one, then delete it."""
    with temporary_folder(parent) as folder:
        data_dir = folder / "data"
        with server_with(data_dir, _SETTINGS) as server:
            yield Databases(server, data_dir)
