"""All rows of a database, and a search of every column for values."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from tests.isolation.matrix.world import tenant_tables

# Words that say nothing about whose row it is.
_SHORTEST = 3


@dataclass(frozen=True)
class Row:
    """A row in JSON's form, with the name of its table."""

    table: str
    columns: dict[str, Any]

    @property
    def values(self) -> set[str]:
        """Every text in the row, at any depth."""
        return {text for text in _texts(self.columns) if len(text) >= _SHORTEST}

    def identity(self) -> tuple[str, str]:
        """Return what tells the row from others."""
        return self.table, repr(sorted(self.columns.items()))

    def names(self, values: set[str]) -> bool:
        """Return whether the row has one of these texts."""
        return not self.values.isdisjoint(values)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.items() for text in _texts(list(each))]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def all_rows(dba: "psycopg.Connection[Any]") -> list[Row]:
    """Return every row of every table of the catalogue, partitions through parents."""
    tables = dba.execute(
        "select relname::text from pg_class "
        "where relnamespace = 'authority'::regnamespace "
        "and relkind in ('r', 'p') and not relispartition"
    ).fetchall()
    query = sql.SQL("select to_jsonb(one) from {} as one")
    return [
        Row(name, columns)
        for (name,) in tables
        for (columns,) in dba.execute(query.format(sql.Identifier("authority", name)))
    ]


def rows_of(dba: "psycopg.Connection[Any]", tenant_id: UUID) -> list[Row]:
    """Return every row of one tenant."""
    keys = {table.name: table.tenant_column for table in tenant_tables(dba)}
    return [
        row
        for row in all_rows(dba)
        if row.table in keys and row.columns[keys[row.table]] == str(tenant_id)
    ]


def places_of(dba: "psycopg.Connection[Any]", values: set[str]) -> dict[str, set[str]]:
    """Return where these values are found: inside any text of any column."""
    found: dict[str, set[str]] = {}
    for row in all_rows(dba):
        for column, content in row.columns.items():
            for text in _texts([column, content])[1:]:
                if hits := {value for value in values if value in text}:
                    found.setdefault(f"{row.table}.{column}", set()).update(hits)
    return found


def only_in(rows: list[Row], others: list[Row]) -> set[str]:
    """Return the values of rows that no text of the others contains."""
    elsewhere = "\n".join(text for row in others for text in _texts(row.columns))
    return {value for row in rows for value in row.values if value not in elsewhere} - {
        column for row in rows for column in row.columns
    }
