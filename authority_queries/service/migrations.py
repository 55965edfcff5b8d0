"""Applying the packaged migrations with yoyo, as `yoyo apply` does."""

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import psycopg
import yoyo
import yoyo.exceptions
from psycopg import errors as sqlstate
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries.engine.driver_errors import hide_values
from authority_queries.errors import MigrationError, UnavailableError
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migration_books import (
    BOOKS_SCHEMA,
    find_traps,
    make_books,
)


class _Migration(Protocol):
    id: str


class _Backend(Protocol):
    """What is used of yoyo, which publishes no types."""

    connection: "psycopg.Connection[Any]"

    def to_apply(self, migrations: object) -> Sequence[_Migration]: ...
    def apply_migrations(self, migrations: object) -> None: ...
    def lock(self) -> AbstractContextManager[None]: ...
    def break_lock(self) -> None: ...


def migrate(
    conninfo: str, *, break_lock: bool = False, folders: Sequence[Path] = (MIGRATIONS,)
) -> list[str]:
    """Apply what is pending and give its ids, in order.

    `conninfo` is anything that libpq takes. Safe to run twice and after a crash.
    `break_lock` takes the lock of a run that was killed: make sure that none is
    running. `folders` hold the migrations, ours unless others are given. Raises
    MigrationError, UnavailableError.
    """
    migrations = _read(folders)
    _check_encoding(conninfo)
    with _driver_errors():
        make_books(conninfo)
        if traps := find_traps(conninfo):
            raise MigrationError(traps)
        url = yoyo_url(conninfo, schema=BOOKS_SCHEMA)
        return _apply(url, migrations, break_lock=break_lock)


def migrate_plainly(conninfo: str, folders: Sequence[Path]) -> list[str]:
    """Apply migrations of anybody's to a new database that nobody else has seen.

    As by plain yoyo, names without a schema go where the login's search_path says.
    Raises MigrationError, UnavailableError.
    """
    migrations = _read(folders)
    _check_encoding(conninfo)
    parameters = conninfo_to_dict(conninfo)
    # Our first migration then accepts yoyo's books in any schema.
    options = f"{parameters.get('options') or ''} -c authority.is_throwaway=on"
    with _driver_errors():
        url = yoyo_url(make_conninfo(conninfo, options=options))
        return _apply(url, migrations, break_lock=False)


@contextmanager
def _driver_errors() -> Iterator[None]:
    """Raise MigrationError instead of the errors of yoyo and psycopg."""
    try:
        yield
    except yoyo.exceptions.LockTimeout as error:
        raise MigrationError(_why_no_lock(error)) from error
    except psycopg.Error as error:
        hide_values(error)
        why = str(error) if error.sqlstate else type(error).__name__
        message = f"a migration failed and was rolled back: {why}"
        raise MigrationError(message) from error


def every() -> list[str]:
    """Give the ids of all migrations, in order. Raises MigrationError."""
    return [migration.id for migration in _read((MIGRATIONS,))]


def _why_no_lock(error: yoyo.exceptions.LockTimeout) -> str:
    """Tell another run from all else, which yoyo takes for one."""
    why = error.__context__
    if isinstance(why, psycopg.Error) and not isinstance(why, sqlstate.UniqueViolation):
        hide_values(why)
        return f"yoyo cannot take its lock: {why}"
    return (
        "another run holds yoyo's lock; if none is running it was killed: "
        "check, then `authority migrate --break-lock` or `yoyo break-lock`"
    )


def _apply(
    url: str, migrations: Sequence[_Migration], *, break_lock: bool
) -> list[str]:
    _ensure_user_name()
    backend: _Backend
    with yoyo.get_backend(url) as backend:
        # Through a pooler yoyo would execute what others have prepared.
        backend.connection.prepare_threshold = None
        if break_lock:
            backend.break_lock()
        with backend.lock():
            todo = backend.to_apply(migrations)
            backend.apply_migrations(todo)
    return [migration.id for migration in todo]


def _read(folders: Sequence[Path]) -> Sequence[_Migration]:
    for folder in folders:
        if not any(folder.glob("*.sql")):
            message = f"no migrations in {folder}"
            raise MigrationError(message)
    migrations: Sequence[_Migration] = yoyo.read_migrations(*map(str, folders))
    return migrations


def _check_encoding(conninfo: str) -> None:
    try:
        with psycopg.connect(conninfo, client_encoding="UTF8") as connection:
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.OperationalError as error:
        message = f"no connection to PostgreSQL for the migrations: {error}"
        raise UnavailableError(message) from error
    if encoding != "UTF8":
        message = f"the database's encoding is {encoding}; UTF8 is allowed"
        raise MigrationError(message)


def yoyo_url(conninfo: str, *, schema: str | None = None) -> str:
    """Spell a connection string as the URL that yoyo takes, and where its books lie.

    The schema is quoted as in SQL.
    """
    parts = conninfo_to_dict(conninfo)
    if schema is not None:
        parts["schema"] = schema
    # All in the query, which yoyo hands to psycopg: it does not decode the other parts.
    return f"postgresql+psycopg:///?{urlencode(parts, quote_via=quote)}"


def _ensure_user_name() -> None:
    """Name the run for yoyo's log where the process's user has no name."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = "authority"
