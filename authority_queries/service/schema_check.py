"""Compares a database with this release: `authority check`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from authority_queries.resources import CATALOGUE, MIGRATIONS
from authority_queries.service.catalogue import (
    Difference,
    compare,
    expected_catalogue,
    read_catalogue,
)
from authority_queries.service.checksums import changed_files
from authority_queries.service.migration_books import (
    books_of,
    names_in,
    safe_conninfo,
    traps_of,
)
from authority_queries.service.migrations import packaged_migrations

_SOURCES: Final = "sources"
_MIGRATIONS: Final = "migrations"


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """What a check found. The database is as the release if nothing was found."""

    differences: tuple[Difference, ...]
    unchecked: tuple[str, ...]
    """What this login may not read."""
    is_standby: bool = False
    """Whether a difference may be a change that the server has not replayed yet."""


def check_database(conninfo: str) -> SchemaReport:
    """Return how the database differs from this release. Changes nothing.

    Any login may check. One that may not read yoyo's tables leaves the applied
    migrations unchecked. Raises psycopg.Error, MigrationError.
    """
    with psycopg.connect(safe_conninfo(conninfo), autocommit=True) as connection:
        return check_schema(connection)


def check_schema(
    connection: psycopg.Connection[Any], folder: Path = MIGRATIONS
) -> SchemaReport:
    """As check_database, in a session with search_path = pg_catalog and UTC."""
    is_standby = connection.info.parameter_status("in_hot_standby") == "on"
    found = compare(expected_catalogue(), read_catalogue(connection))
    found.extend(_faults(connection))
    found.extend(_only(_SOURCES, text) for text in _sources(folder))
    books = books_of(connection)
    if (traps := traps_of(connection)) is not None:
        found.append(_only(_MIGRATIONS, traps))
    elif books.are_there and not books.may_be_read:
        which = "the applied migrations, which this login may not read"
        return SchemaReport(_with_roles_first(found), (which,), is_standby)
    else:
        found.extend(_migrations(connection, are_marked=books.are_there))
    return SchemaReport(_with_roles_first(found), (), is_standby)


def _with_roles_first(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Put the roles before the objects whose grants and policies need them."""
    return tuple(sorted(found, key=lambda each: each.object != "roles"))


def _faults(connection: psycopg.Connection[Any]) -> Iterator[Difference]:
    query = (CATALOGUE / "faults.sql").read_bytes()
    for of, line in connection.execute(query).fetchall():
        yield _only(of, line)


def _migrations(
    connection: psycopg.Connection[Any], *, are_marked: bool
) -> Iterator[Difference]:
    ours = packaged_migrations()
    applied = names_in(connection, "applied") if are_marked else []
    missing = tuple(name for name in ours if name not in applied)
    unknown = tuple(sorted(name for name in applied if name not in ours))
    if missing or unknown:
        yield Difference(_MIGRATIONS, missing, unknown)
    for holder in names_in(connection, "lock") if are_marked else ():
        yield _only(_MIGRATIONS, f"lock: held by {holder}")


def _sources(folder: Path) -> Iterator[str]:
    for name, difference in changed_files(folder).items():
        yield f"{name}: {difference}"


def _only(of: str, line: str) -> Difference:
    return Difference(of, (), (line,))
