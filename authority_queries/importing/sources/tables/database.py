"""One transaction in the database of another application: its tables and their rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.rows import dict_row
from psycopg.sql import Composable, Identifier

from authority_queries.errors import SourceError
from authority_queries.importing.entries.base import JsonObject
from authority_queries.importing.sources.fields import normalized
from authority_queries.importing.sources.tables.statements import statement

Row = dict[str, Any]

_BATCH: Final = 1000
# Classes of SQLSTATE whose messages may repeat a value.
_TELLING: Final = ("22", "P0")
_TIMEOUT: Final = 30  # seconds to connect


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its columns, by name without capitals and underscores."""

    schema: str
    name: str
    columns: Mapping[str, str] = field(repr=False)
    estimated: int | None

    @property
    def identifier(self) -> Identifier:
        """The qualified name, quoted."""
        return Identifier(self.schema, self.name)

    def column(self, name: str) -> Identifier:
        """Return a column, quoted. Raises SourceError if the table lacks it."""
        if name not in self.columns:
            message = f"table {self.schema}.{self.name} has no column like {name}"
            raise SourceError(message)
        return Identifier(self.columns[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class _ForeignKey:
    owner: Table
    column: str
    target: Table
    target_column: str


class Database:
    """A snapshot of a database: a read-only transaction at isolation repeatable read.

    Its methods raise SourceError. No message has the password or a value of a row.
    """

    def __init__(self, conninfo: str) -> None:
        self._connection = _connect(conninfo)
        with self._reading():
            [begun] = self.rows("begin", {})
            self._schemas: list[str] = begun["schemas"]
            self._tables = self._read_tables()

    @property
    def place(self) -> str:
        """Host and name of the database."""
        info = self._connection.info
        return f"{info.host}/{info.dbname}"

    def find(self, name: str) -> Table | None:
        """Find a table by its name without capitals and underscores.

        A schema of the search path comes before others. Raises SourceError for a name
        in several others.
        """
        found = [table for table in self._tables if normalized(table.name) == name]
        for schema in self._schemas:
            for table in found:
                if table.schema == schema:
                    return table
        if len(found) > 1:
            schemas = ", ".join(sorted(table.schema for table in found))
            message = (
                f"table {found[0].name} is in the schemas {schemas}: name one by "
                "options=-csearch_path=… in the URL"
            )
            raise SourceError(message)
        return found[0] if found else None

    def reference(self, table: Table, column: str) -> tuple[Table, str] | None:
        """Return the table and column to which a column's foreign key refers."""
        for key in self._foreign_keys:
            if key.owner == table and key.column == column:
                return key.target, key.target_column
        return None

    def linking(self, first: Table, second: Table) -> tuple[Table, str, str] | None:
        """Return a table that refers to both, and its columns that do."""
        for key in self._foreign_keys:
            for other in self._foreign_keys:
                if (
                    key.owner == other.owner
                    and key.target == first
                    and other.target == second
                ):
                    return key.owner, key.column, other.column
        return None

    @cached_property
    def _foreign_keys(self) -> Sequence["_ForeignKey"]:
        tables = {(table.schema, table.name): table for table in self._tables}
        return [
            _ForeignKey(
                owner=tables[row["owner_schema"], row["owner"]],
                column=normalized(row["owner_column"]),
                target=tables[row["target_schema"], row["target"]],
                target_column=normalized(row["target_column"]),
            )
            for row in self.rows("foreign_keys", {})
        ]

    def rows(
        self, name: str, identifiers: Mapping[str, Composable], **values: object
    ) -> list[Row]:
        """Return the rows of a statement that returns few."""
        with self._reading():
            cursor = self._connection.cursor(row_factory=dict_row)
            return cursor.execute(statement(name, identifiers, values)).fetchall()

    def batches(
        self, name: str, identifiers: Mapping[str, Composable], **values: object
    ) -> Iterator[Sequence[Row]]:
        """Yield the rows of a statement in batches, by a cursor of the server."""
        with self._reading():
            cursor = self._connection.cursor(f"aq_{name}", row_factory=dict_row)
        with cursor:
            with self._reading():
                cursor.execute(statement(name, identifiers, values))
            while batch := self._fetch(cursor):
                yield batch

    def related(
        self, table: Table | None, column: str, keys: Sequence[str]
    ) -> dict[str, list[JsonObject]]:
        """Return the rows of a table by a column that has one of these keys."""
        if table is None or not keys:
            return {}
        identifiers = {"related": table.identifier, "key": table.column(column)}
        found: dict[str, list[JsonObject]] = {}
        for row in self.rows("related", identifiers, keys=list(dict.fromkeys(keys))):
            found.setdefault(row["key"], []).append(row["document"])
        return found

    def close(self) -> None:
        """End the transaction and the connection."""
        self._connection.close()

    def _fetch(self, cursor: "psycopg.ServerCursor[Row]") -> list[Row]:
        with self._reading():
            return cursor.fetchmany(_BATCH)

    def _read_tables(self) -> list[Table]:
        return [
            Table(
                schema=row["schema"],
                name=row["name"],
                estimated=row["estimated"],
                columns={normalized(column): column for column in row["columns"]},
            )
            for row in self.rows("catalogue", {})
        ]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            message = f"the database of the source cannot be read: {_reason(error)}"
            raise SourceError(message) from None


def _connect(conninfo: str) -> "Connection[Any]":
    try:
        connection = Connection.connect(
            conninfo, connect_timeout=_TIMEOUT, application_name="authority-import"
        )
    except psycopg.ProgrammingError:  # its message repeats parts of the string
        message = (
            "the location of the source is no connection string: use one such as "
            "postgresql://user@host/database in AUTHORITY_SOURCE_URL"
        )
        raise SourceError(message) from None
    except psycopg.Error as error:
        message = f"the database of the source cannot be reached: {error}"
        raise SourceError(message) from None
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection


def _reason(error: psycopg.Error) -> str:
    code, text = error.sqlstate, error.diag.message_primary
    if code is None:  # the connection was lost
        return type(error).__name__
    return f"SQLSTATE {code}" if code.startswith(_TELLING) or not text else text
