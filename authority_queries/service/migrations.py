"""Applies the packaged migrations with yoyo, as `yoyo apply` does."""

import getpass
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Final, Protocol
from urllib.parse import quote, urlencode

import psycopg
import yoyo
import yoyo.exceptions
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries.engine.driver_errors import hide_values
from authority_queries.errors import MigrationError, UnavailableError
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migration_books import (
    BOOKS_SCHEMA,
    find_traps,
    make_books,
    record_sessions,
)
from authority_queries.service.migration_lock import (
    LockBackend,
    holding_lock,
)
from authority_queries.service.migration_lock import (
    break_lock as remove_lock,
)
from authority_queries.service.migration_places import Migration, place_of, watch_steps
from authority_queries.service.migration_reports import (
    MigrationProgress,
    ProgressCallback,
    ignore_progress,
)
from authority_queries.service.migration_retries import Blockers, retrying

LOCK_WAIT: Final = timedelta(seconds=60)
RETRY_TIME: Final = timedelta(minutes=5)


class _Backend(LockBackend, Protocol):
    """The methods of yoyo's backend that are used here. yoyo publishes no types."""

    def to_apply(self, migrations: object) -> Sequence[Migration]: ...

    def apply_migrations_only(self, migrations: object) -> None: ...
    def run_post_apply(self, migrations: object) -> None: ...


@dataclass(frozen=True, slots=True)
class _Patience:
    lock_wait: timedelta = LOCK_WAIT
    retry_for: timedelta = RETRY_TIME
    progress: ProgressCallback = ignore_progress


def migrate(
    conninfo: str,
    *,
    break_lock: bool = False,
    lock_wait: timedelta = LOCK_WAIT,
    retry_for: timedelta = RETRY_TIME,
    progress: ProgressCallback = ignore_progress,
    folders: Sequence[Path] = (MIGRATIONS,),
) -> list[str]:
    """Apply the pending migrations and return their ids, in order.

    `conninfo` is a connection string of libpq. A second run, and a run after a crash,
    are safe. KeyboardInterrupt rolls back the running migration and releases the lock.

    - `break_lock` removes yoyo's lock where nothing proves that its run is dead. Make
      sure that none is running. The lock of a run that is certainly alive stays.
    - `lock_wait` is how long another run may hold yoyo's lock. The lock of a run that
      is certainly dead is released without this.
    - `retry_for` is how long each migration is tried again after it did not get a lock
      or met a deadlock.
    - `progress` is called after each event.
    - `folders` are the folders with the migrations.

    Raises MigrationError, UnavailableError.
    """
    patience = _Patience(lock_wait, retry_for, progress)
    return _migrate(conninfo, folders, patience, break_lock=break_lock)


def migrate_plainly(conninfo: str, folders: Sequence[Path]) -> list[str]:
    """Apply any project's migrations to a new database that no other role has used.

    Names without a schema follow the login's search_path, as with yoyo itself. Raises
    MigrationError, UnavailableError.
    """
    return _migrate(conninfo, folders, _Patience(), is_plain=True)


def _migrate(
    conninfo: str,
    folders: Sequence[Path],
    patience: _Patience,
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
            if break_lock:
                remove_lock(conninfo)
            wait = patience.lock_wait.total_seconds()
            with holding_lock(backend, conninfo, wait, patience.progress):
                return _apply(backend, migrations, conninfo, patience)
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
    record_sessions(conninfo)
    named = make_conninfo(conninfo, application_name="authority migrate")
    return yoyo_url(named, schema=BOOKS_SCHEMA)


def _throwaway_url(conninfo: str) -> str:
    """Let this package's first migration accept yoyo's tables in any schema."""
    options = conninfo_to_dict(conninfo).get("options") or ""
    options = f"{options} -c authority.is_throwaway=on"
    return yoyo_url(make_conninfo(conninfo, options=options))


def _apply(
    backend: _Backend,
    migrations: Sequence[Migration],
    conninfo: str,
    patience: _Patience,
) -> list[str]:
    todo = backend.to_apply(migrations)
    blockers = Blockers(conninfo)
    with blockers.watching():
        for migration in todo:
            began = monotonic()
            _apply_one(backend, migration, blockers, patience)
            event = MigrationProgress(
                outcome="applied",
                migration=migration.id,
                seconds=monotonic() - began,
            )
            patience.progress(event)
        if todo:
            backend.run_post_apply(todo)
    return [migration.id for migration in todo]


def _apply_one(
    backend: _Backend, migration: Migration, blockers: Blockers, patience: _Patience
) -> None:
    watches = watch_steps(migration)
    try:
        retrying(
            lambda: backend.apply_migrations_only([migration]),
            migration=migration.id,
            seconds=patience.retry_for.total_seconds(),
            blockers=blockers,
            progress=patience.progress,
        )
    except psycopg.Error as error:
        place = place_of(error, migration, watches)
        raise MigrationError(_why_failed(place, migration, error)) from error


def _why_failed(place: str, migration: Migration, error: psycopg.Error) -> str:
    hide_values(error)
    why = str(error) if error.sqlstate else type(error).__name__
    why = "; ".join([why, *getattr(error, "__notes__", ())])
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
