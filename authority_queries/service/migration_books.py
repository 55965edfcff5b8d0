"""Yoyo's tables ("books"): their schema, and objects that others could abuse there."""

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import errors as sqlstate
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row

from authority_queries.errors import MigrationError
from authority_queries.resources import BOOKS

BOOKS_SCHEMA: Final = "authority_yoyo"


@dataclass(frozen=True, slots=True)
class Books:
    """Whether yoyo's tables, which record the applied migrations, exist."""

    are_there: bool
    may_be_read: bool


def find_books(conninfo: str) -> Books:
    """Return whether yoyo's tables exist. Raises psycopg.OperationalError."""
    with psycopg.connect(safe_conninfo(conninfo)) as connection:
        return books_of(connection)


def books_of(connection: psycopg.Connection[Any]) -> Books:
    """As find_books, in a session with search_path = pg_catalog."""
    with connection.cursor(row_factory=class_row(Books)) as cursor:
        cursor.execute(read_book("find"))
        return cursor.fetchall()[0]


def safe_conninfo(conninfo: str) -> str:
    """Set search_path to pg_catalog and the time zone to UTC."""
    parameters = conninfo_to_dict(conninfo)
    ours = "-c search_path=pg_catalog -c timezone=UTC"
    options = f"{parameters.get('options') or ''} {ours}"
    settings = {"client_encoding": "UTF8", "options": options}
    return make_conninfo("", **{**parameters, **settings})


def make_books(conninfo: str) -> None:
    """Create the schema if it is missing. Raises MigrationError, psycopg.Error."""
    try:
        _run(conninfo, "make")
    except (
        sqlstate.DuplicateTable,
        sqlstate.InsufficientPrivilege,
        sqlstate.ReadOnlySqlTransaction,
    ) as error:
        raise MigrationError(str(error.diag.message_primary)) from error


def find_traps(conninfo: str) -> str | None:
    """Return which objects others own or may create where a migration uses them.

    None if there is no such object. Raises psycopg.Error.
    """
    with psycopg.connect(safe_conninfo(conninfo)) as connection:
        return traps_of(connection)


def traps_of(connection: psycopg.Connection[Any]) -> str | None:
    """As find_traps, in a session with search_path = pg_catalog."""
    try:
        with connection.transaction():
            connection.execute(read_book("guard"))
    except sqlstate.RaiseException as error:
        return error.diag.message_primary
    return None


def find_planted(conninfo: str) -> list[str]:
    """Return objects of others that only a different search_path would find.

    Raises psycopg.Error.
    """
    return _names(conninfo, "planted")


def applied_migrations(conninfo: str) -> set[str]:
    """Return the ids of applied migrations. Raises psycopg.Error.

    Call `find_traps` first: this reads yoyo's tables.
    """
    return {*_names(conninfo, "applied")}


def record_sessions(conninfo: str) -> None:
    """Let yoyo's lock record the session that takes it. Raises psycopg.Error.

    Call `find_traps` first.
    """
    _run(conninfo, "record")


def names_in(connection: psycopg.Connection[Any], query: str) -> list[str]:
    """Return the names that a query of schema/books finds. Raises psycopg.Error.

    The session must have search_path = pg_catalog. `applied` are the migrations that
    yoyo has marked. Call `traps_of` before.
    """
    return [name for (name,) in connection.execute(read_book(query)).fetchall()]


def read_book(name: str) -> bytes:
    """Return the statement of a file of schema/books."""
    return (BOOKS / f"{name}.sql").read_bytes()


def _run(conninfo: str, name: str) -> None:
    with psycopg.connect(safe_conninfo(conninfo)) as connection:
        connection.execute(read_book(name))


def _names(conninfo: str, query: str) -> list[str]:
    with psycopg.connect(safe_conninfo(conninfo)) as connection:
        return names_in(connection, query)
