"""Applies the packaged migrations with yoyo, as `yoyo apply` does."""

import getpass
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
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
from authority_queries.service.migration_places import Migration, place_of, watch_steps


class _Backend(Protocol):
    """The methods of yoyo's backend that are used here. yoyo publishes no types."""

    def to_apply(self, migrations: object) -> Sequence[Migration]: ...

    def apply_migrations_only(self, migrations: object) -> None: ...
    def run_post_apply(self, migrations: object) -> None: ...
    def lock(self) -> AbstractContextManager[None]: ...
    def break_lock(self) -> None: ...


def migrate(
    conninfo: str, *, break_lock: bool = False, folders: Sequence[Path] = (MIGRATIONS,)
) -> list[str]:
    """Apply the pending migrations and return their ids, in order.

    `conninfo` is a connection string of libpq. A second run, and a run after a crash,
    are safe. `break_lock` removes the lock of a killed run: make sure that none is
    running. `folders` are the folders with the migrations. Raises MigrationError,
    UnavailableError.
    """
    return _migrate(conninfo, folders, break_lock=break_lock)


def migrate_plainly(conninfo: str, folders: Sequence[Path]) -> list[str]:
    """Apply any project's migrations to a new database that no other role has used.

    Names without a schema follow the login's search_path, as with yoyo itself. Raises
    MigrationError, UnavailableError.
    """
    return _migrate(conninfo, folders, is_plain=True)


def _migrate(
    conninfo: str,
    folders: Sequence[Path],
    *,
    break_lock: bool = False,
    is_plain: bool = False,
) -> list[str]:
    migrations = _read(folders)
    _check_encoding(conninfo)
    _ensure_user_name()
    try:
        url = _throwaway_url(conninfo) if is_plain else _safe_url(conninfo)
        with yoyo.get_backend(url) as backend:
            # Through a pooler yoyo could execute another client's prepared statement.
            backend.connection.prepare_threshold = None
            return _apply(backend, migrations, break_lock=break_lock)
    except yoyo.exceptions.LockTimeout as error:
        raise MigrationError(_explain_lock(error)) from error
    except psycopg.Error as error:
        hide_values(error)
        why = str(error) if error.sqlstate else type(error).__name__
        message = f"yoyo failed: {why}"
        raise MigrationError(message) from error


def packaged_migrations() -> list[str]:
    """Return the ids of this package's migrations, in order. Raises MigrationError."""
    return [migration.id for migration in _read((MIGRATIONS,))]


def _safe_url(conninfo: str) -> str:
    """Create yoyo's schema. Raise MigrationError if others could abuse objects."""
    make_books(conninfo)
    if traps := find_traps(conninfo):
        raise MigrationError(traps)
    return yoyo_url(conninfo, schema=BOOKS_SCHEMA)


def _throwaway_url(conninfo: str) -> str:
    """Let this package's first migration accept yoyo's tables in any schema."""
    options = conninfo_to_dict(conninfo).get("options") or ""
    options = f"{options} -c authority.is_throwaway=on"
    return yoyo_url(make_conninfo(conninfo, options=options))


def _explain_lock(error: yoyo.exceptions.LockTimeout) -> str:
    """Return why yoyo has no lock. yoyo blames another run for every error."""
    why = error.__context__
    if isinstance(why, psycopg.Error) and not isinstance(why, sqlstate.UniqueViolation):
        hide_values(why)
        return f"yoyo cannot take its lock: {why}"
    return (
        "another run holds yoyo's lock. If none is running, it was killed: then run "
        "`authority migrate --break-lock` or `yoyo break-lock`"
    )


def _apply(
    backend: _Backend, migrations: Sequence[Migration], *, break_lock: bool
) -> list[str]:
    if break_lock:
        backend.break_lock()
    with backend.lock():
        todo = backend.to_apply(migrations)
        for migration in todo:
            watches = watch_steps(migration)
            try:
                backend.apply_migrations_only([migration])
            except psycopg.Error as error:
                place = place_of(error, migration, watches)
                raise MigrationError(_why_failed(place, migration, error)) from error
        if todo:
            backend.run_post_apply(todo)
    return [migration.id for migration in todo]


def _why_failed(place: str, migration: Migration, error: psycopg.Error) -> str:
    hide_values(error)
    why = str(error) if error.sqlstate else type(error).__name__
    kept = "was rolled back" if migration.use_transactions else "may have left a part"
    return f"{place}: {why}; the migration {kept}"


def _read(folders: Sequence[Path]) -> Sequence[Migration]:
    for folder in folders:
        if not any(folder.glob("*.sql")):
            message = f"no migrations in {folder}"
            raise MigrationError(message)
    migrations: Sequence[Migration] = yoyo.read_migrations(*map(str, folders))
    return migrations


def _check_encoding(conninfo: str) -> None:
    try:
        with psycopg.connect(conninfo, client_encoding="UTF8") as connection:
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.OperationalError as error:
        message = f"no connection to PostgreSQL for the migrations: {error}"
        raise UnavailableError(message) from error
    if encoding != "UTF8":
        message = f"the database's encoding must be UTF8, not {encoding}"
        raise MigrationError(message)


def yoyo_url(conninfo: str, *, schema: str | None = None) -> str:
    """Return the connection string as a URL for yoyo, with the schema of its tables.

    The schema is quoted as in SQL.
    """
    parts = conninfo_to_dict(conninfo)
    if schema is not None:
        parts["schema"] = schema
    # All parts are in the URL's query: yoyo decodes no other part of the URL.
    return f"postgresql+psycopg:///?{urlencode(parts, quote_via=quote)}"


def _ensure_user_name() -> None:
    """Set a user name for yoyo's log if the process's user has none."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = "authority"
