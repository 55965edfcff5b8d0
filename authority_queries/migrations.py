"""Applying the packaged migrations with yoyo, as `yoyo apply` does."""

import getpass
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, Self
from urllib.parse import urlencode

import psycopg
import yoyo
import yoyo.exceptions
from psycopg.conninfo import conninfo_to_dict

from authority_queries._resources import MIGRATIONS
from authority_queries.errors import MigrationError, UnavailableError


class _Migration(Protocol):
    id: str


class _Backend(Protocol):
    """What is used of yoyo, which publishes no types."""

    def to_apply(self, migrations: object) -> Sequence[_Migration]: ...
    def apply_migrations(self, migrations: object) -> None: ...
    def lock(self) -> AbstractContextManager[None]: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...


def migrate(conninfo: str) -> list[str]:
    """Apply what is pending and give its ids, in order.

    `conninfo` is anything that libpq takes. Safe to run twice and after a crash.
    Raises MigrationError, UnavailableError.
    """
    migrations = _read()
    try:
        with _connect(conninfo) as backend, backend.lock():
            todo = backend.to_apply(migrations)
            backend.apply_migrations(todo)
    except yoyo.exceptions.LockTimeout as error:
        message = (
            "another run holds yoyo's lock; if none is running it was killed: "
            "check, then `yoyo break-lock`"
        )
        raise MigrationError(message) from error
    except psycopg.Error as error:
        message = (
            f"a migration failed and was rolled back: {error.diag.message_primary}"
        )
        raise MigrationError(message) from error
    return [migration.id for migration in todo]


def every() -> list[str]:
    """Give the ids of all migrations, in order. Raises MigrationError."""
    return [migration.id for migration in _read()]


def pending(conninfo: str) -> list[str]:
    """Give the ids of migrations that `migrate` would apply, in order.

    Raises MigrationError, UnavailableError.
    """
    with _connect(conninfo) as backend:
        return [migration.id for migration in backend.to_apply(_read())]


def _read() -> Sequence[_Migration]:
    migrations: Sequence[_Migration] = yoyo.read_migrations(str(MIGRATIONS))
    if not migrations:
        message = f"no migrations in {MIGRATIONS}: the installation is broken"
        raise MigrationError(message)
    return migrations


def _connect(conninfo: str) -> _Backend:
    _ensure_user_name()
    try:
        backend: _Backend = yoyo.get_backend(yoyo_url(conninfo))
    except psycopg.OperationalError as error:
        message = "no connection to PostgreSQL for the migrations"
        raise UnavailableError(message) from error
    return backend


def yoyo_url(conninfo: str) -> str:
    """Spell a connection string as the URL that yoyo takes."""
    parts = conninfo_to_dict(conninfo)
    parts.pop("options", None)  # holds the services' statement_timeout
    database = parts.pop("dbname", "")
    return f"postgresql+psycopg:///{database}?{urlencode(parts)}"


def _ensure_user_name() -> None:
    """Name the run for yoyo's log where the process's user has no name."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = "authority"
