"""The keys of the tables of tenants, from the catalogue."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import class_row

from tests.isolation.matrix.world import Table
from tests.isolation.tenant_rows import Row, Tenants

_QUERY = Path(__file__).with_name("keys.sql")


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key without its tenant; only the kind `foreign` has another table."""

    kind: Literal["unique", "foreign", "outer"]
    name: str
    own: str
    own_columns: list[str]
    other: str | None
    other_columns: list[str]
    cascades: bool


def keys_of(dba: "psycopg.Connection[Any]") -> list[Key]:
    cursor = dba.cursor(row_factory=class_row(Key))
    return cursor.execute(_QUERY.read_bytes()).fetchall()


def foreign_keys_of(dba: "psycopg.Connection[Any]") -> list[Key]:
    return [key for key in keys_of(dba) if key.kind == "foreign"]


def unique_keys_of(dba: "psycopg.Connection[Any]") -> list[Key]:
    return [key for key in keys_of(dba) if key.kind == "unique"]


def table_named(tenants: Tenants, name: str | None) -> Table:
    return next(table for table in tenants.tables if table.name == name)


def renewed(tenants: Tenants, table: Table, row: Row) -> Row:
    """Change the row's keys, except those that refer to another table."""
    keys = [key for key in keys_of(tenants.dba) if key.own == table.name]
    referring = {
        column for key in keys if key.kind != "unique" for column in key.own_columns
    }
    naming = {
        column for key in keys if key.kind == "unique" for column in key.own_columns
    } - referring
    naming.discard("purpose")  # one of few; its key has the recipient, too
    if "username_key" in naming:  # generated from another column
        naming.add("username")
    changed = {
        name: _another(value)
        for name, value in row.items()
        if value is not None and name in naming
    }
    return {**row, **changed}


def _another(value: object) -> object:
    """Return another value of the same type, in JSON's form."""
    match value:
        case int():
            return value + 1000
        case str() if value.startswith("\\x"):
            return "\\x" + (uuid4().bytes + uuid4().bytes).hex()
        case str() if _is(UUID, value):
            return str(uuid4())
        case str() if _is(date.fromisoformat, value):
            return str(date.fromisoformat(value) + timedelta(days=1))
        case str() if "/" in value:
            return "198.51.100.0/24"
        case _:
            return f"{value}-another"


def _is(type_: Any, value: str) -> bool:
    try:
        type_(value)
    except ValueError:
        return False
    return True
