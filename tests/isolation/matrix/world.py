"""Two tenants that have everything, and all of it under the same names."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import md5
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

FOLDER = Path(__file__).parent
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# The asking tenant, and the tenant that must stay unseen.
OWN, FOREIGN = "acme", "globex"
Kind = Literal["strangers", "twins"]
# The prefixes of their ids.
_BEGINNINGS: Final = {
    "strangers": ("aaaaaaaa", "ffffffff"),
    "twins": ("eeeeeeee", "eeeeeeee"),
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose rows belong to tenants, found in the catalogue."""

    name: str
    tenant_column: str
    is_partition: bool

    def statement(self, text: str) -> sql.Composed:
        """Fill in the names of the table and of its tenant's column."""
        return sql.SQL(text).format(
            table=sql.Identifier("authority", self.name),
            column=sql.Identifier(self.tenant_column),
            name=sql.Literal(self.name),
        )


@dataclass(kw_only=True)
class World:
    """Both tenants in one transaction of a superuser, who looks on.

    Strangers have each row under ids of its own; twins have the same ids, as two
    tenants have where one was copied from the other.
    """

    dba: "psycopg.Connection[Any]"
    kind: Kind
    tables: list[Table]
    own: UUID = field(default_factory=lambda: tenant_id(OWN))
    foreign: UUID = field(default_factory=lambda: tenant_id(FOREIGN))
    _rows: dict[UUID, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)

    @property
    def foreign_id(self) -> str:
        """Return the prefix of the other tenant's ids, which only strangers have."""
        return _BEGINNINGS[self.kind][1]

    def rows(self, tenant: UUID) -> dict[str, list[dict[str, Any]]]:
        """Return the rows that a tenant was created with, by table, in order."""
        if tenant not in self._rows:
            cursor = self.dba.cursor(row_factory=dict_row)
            query = "select * from {table} where {column} = %s order by tableoid, ctid"
            self._rows[tenant] = {
                table.name: cursor.execute(table.statement(query), (tenant,)).fetchall()
                for table in self.tables
            }
        return self._rows[tenant]

    def ids(self, tenant: UUID) -> set[UUID]:
        """Return every id in a tenant's rows."""
        found = set()
        for table in self.tables:
            query = table.statement(
                "select one::text from {table} as one where {column} = %s"
            )
            for (row,) in self.dba.execute(query, (tenant,)):
                found |= {UUID(match) for match in _UUID.findall(row)}
        return found

    def times(self, tenant: UUID) -> set[datetime]:
        """Return every time in a tenant's rows."""
        rows = (row for rows in self.rows(tenant).values() for row in rows)
        values = (value for row in rows for value in row.values())
        return {value for value in values if isinstance(value, datetime)}

    def remove_foreign(self) -> None:
        """Delete all rows of the other tenant."""
        self.dba.execute("set local session_replication_role = replica")
        for table in self.tables:
            query = table.statement("delete from {table} where {column} = %s")
            self.dba.execute(query, (self.foreign,))
        self.dba.execute("set local session_replication_role = origin")

    @contextmanager
    def without_foreign(self) -> Iterator[None]:
        """Run the block in a world where only the asking tenant lives."""
        with self.dba.transaction(force_rollback=True):
            self.remove_foreign()
            yield


def tenant_id(code: str) -> UUID:
    """Return the same id as pg_temp.tenant() in tenant.sql."""
    return UUID(md5(f"tenant {code}".encode(), usedforsecurity=False).hexdigest())


def tenant_tables(dba: "psycopg.Connection[Any]") -> list[Table]:
    """Return every table whose rows belong to tenants."""
    found = dba.execute((FOLDER / "catalogue.sql").read_bytes())
    return [
        Table(name=name, tenant_column=column, is_partition=is_partition)
        for name, column, is_partition in found
    ]


def fill(dba: "psycopg.Connection[Any]", *, code: str, extent: int, ids: str) -> None:
    """Create a tenant with a row of everything."""
    settings = {"tenant": code, "extent": str(extent), "ids": ids}
    for name, value in settings.items():
        dba.execute("select set_config(%s, %s, true)", (f"world.{name}", value))
    dba.execute((FOLDER / "tenant.sql").read_bytes())


@contextmanager
def opened_world(dba: "psycopg.Connection[Any]", kind: Kind) -> Iterator[World]:
    """Create both tenants, and roll them back at the end."""
    with dba.transaction(force_rollback=True):
        for extent, (code, ids) in enumerate(
            zip((OWN, FOREIGN), _BEGINNINGS[kind], strict=True), start=1
        ):
            fill(dba, code=code, extent=extent, ids=ids)
        yield World(dba=dba, kind=kind, tables=tenant_tables(dba))


def tables_without(world: World, tenant: UUID) -> list[str]:
    """Return the tables where a tenant has no row."""
    query = "select exists (select from {table} where {column} = %s)"
    return [
        table.name
        for table in world.tables
        if world.dba.execute(table.statement(query), (tenant,)).fetchone() != (True,)
    ]
