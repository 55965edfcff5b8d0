"""Yoyo's tables ("books"): their schema, and objects that others could abuse there."""

import re
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import errors as sqlstate
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row

from authority_queries.errors import MigrationError
from authority_queries.resources import BOOKS

_SAFE_PATH: Final = "pg_catalog"
_SPECIAL: Final = re.compile(r"([\\ ])")


@dataclass(frozen=True, slots=True)
class Books:
    """The schema of yoyo's tables, which record the applied migrations.

    `schema` is quoted as in SQL.
    """

    schema: str
    are_there: bool
    may_be_read: bool


def find_books(conninfo: str) -> Books:
    """Return where yoyo's tables are or will be. Raises psycopg.OperationalError."""
    with (
        psycopg.connect(conninfo, client_encoding="UTF8") as connection,
        connection.cursor(row_factory=class_row(Books)) as cursor,
    ):
        cursor.execute(_sql("find"))
        return cursor.fetchall()[0]


def safe_conninfo(conninfo: str, books: Books, path: str = _SAFE_PATH) -> str:
    """Set search_path to this path, whatever the login's own path is.

    PostgreSQL searches pg_catalog first.
    """
    parameters = conninfo_to_dict(conninfo)
    options = str(parameters.get("options") or "")
    for name, value in (("search_path", path), ("authority.books", books.schema)):
        escaped = _SPECIAL.sub(r"\\\1", value)
        options += f" -c {name}={escaped}"
    settings = {"client_encoding": "UTF8", "options": options}
    return make_conninfo("", **{**parameters, **settings})


def make_books(conninfo: str, books: Books) -> None:
    """Create the schema if it is missing. Raises MigrationError, psycopg.Error."""
    try:
        _run(conninfo, books, "make")
    except (
        sqlstate.InsufficientPrivilege,
        sqlstate.ReadOnlySqlTransaction,
    ) as error:
        raise MigrationError(str(error.diag.message_primary)) from error


def find_traps(conninfo: str, books: Books) -> str | None:
    """Return which objects others own or may create where a migration uses them.

    None if there is no such object. Raises psycopg.Error.
    """
    try:
        _run(conninfo, books, "guard")
    except sqlstate.RaiseException as error:
        return error.diag.message_primary
    return None


def find_planted(conninfo: str, books: Books) -> list[str]:
    """Return objects of others that only a different search_path would find.

    Raises psycopg.Error.
    """
    return _names(safe_conninfo(conninfo, books), "planted")


def applied_migrations(conninfo: str, books: Books) -> set[str]:
    """Return the ids of applied migrations. Raises psycopg.Error.

    Call `find_traps` first: this reads yoyo's tables.
    """
    return {*_names(safe_conninfo(conninfo, books, books.schema), "applied")}


def _run(conninfo: str, books: Books, name: str) -> None:
    with psycopg.connect(safe_conninfo(conninfo, books)) as connection:
        connection.execute(_sql(name))


def _names(conninfo: str, query: str) -> list[str]:
    with psycopg.connect(conninfo) as connection:
        return [name for (name,) in connection.execute(_sql(query)).fetchall()]


def _sql(name: str) -> bytes:
    return (BOOKS / f"{name}.sql").read_bytes()
