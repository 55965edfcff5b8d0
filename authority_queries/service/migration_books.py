"""Yoyo's books, and the objects through which other roles could act."""

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import errors as sqlstate
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row

from authority_queries.errors import MigrationError
from authority_queries.resources import BOOKS

BOOKS_SCHEMA: Final = "authority_yoyo"


@dataclass(frozen=True, slots=True)
class Books:
    """The tables in the schema authority_yoyo in which yoyo writes what is applied."""

    are_there: bool
    may_be_read: bool


def find_books(conninfo: str) -> Books:
    """Return whether the books exist. Raises psycopg.OperationalError."""
    with (
        psycopg.connect(safe_conninfo(conninfo)) as connection,
        connection.cursor(row_factory=class_row(Books)) as cursor,
    ):
        cursor.execute(_sql("find"))
        return cursor.fetchall()[0]


def safe_conninfo(conninfo: str) -> str:
    """Add `search_path = pg_catalog`, whatever path the login has."""
    parameters = conninfo_to_dict(conninfo)
    options = f"{parameters.get('options') or ''} -c search_path=pg_catalog"
    settings = {"client_encoding": "UTF8", "options": options}
    return make_conninfo("", **{**parameters, **settings})


def make_books(conninfo: str) -> None:
    """Make the schema if it is missing. Raises MigrationError, psycopg.Error."""
    try:
        _run(conninfo, "make")
    except (
        sqlstate.InsufficientPrivilege,
        sqlstate.ReadOnlySqlTransaction,
    ) as error:
        raise MigrationError(str(error.diag.message_primary)) from error


def find_traps(conninfo: str) -> str | None:
    """Name what others own, or may make, where a migration would use it; or None.

    Raises psycopg.Error.
    """
    try:
        _run(conninfo, "guard")
    except sqlstate.RaiseException as error:
        return error.diag.message_primary
    return None


def find_planted(conninfo: str) -> list[str]:
    """Name what others have put where only another search_path would find it.

    Raises psycopg.Error.
    """
    return _names(conninfo, "planted")


def applied_migrations(conninfo: str) -> set[str]:
    """Return the ids in the books, which have no traps. Raises psycopg.Error."""
    return {*_names(conninfo, "applied")}


def _run(conninfo: str, name: str) -> None:
    with psycopg.connect(safe_conninfo(conninfo)) as connection:
        connection.execute(_sql(name))


def _names(conninfo: str, query: str) -> list[str]:
    with psycopg.connect(safe_conninfo(conninfo)) as connection:
        return [name for (name,) in connection.execute(_sql(query)).fetchall()]


def _sql(name: str) -> bytes:
    return (BOOKS / f"{name}.sql").read_bytes()
