"""Rows of two tenants, read and copied whatever table they are in."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.isolation.matrix.world import (
    FOREIGN,
    OWN,
    Table,
    fill,
    tenant_id,
    tenant_tables,
)

Row = dict[str, Any]

# The prefixes of ids that tenant.sql makes.
_IDS = {OWN: "aaaaaaaa", FOREIGN: "bbbbbbbb"}
_WRITABLE = """
select columns.attname::text
from pg_catalog.pg_attribute as columns
where
    columns.attrelid = to_regclass({name})
    and columns.attnum > 0
    and columns.attgenerated = ''
    and not columns.attisdropped
    and has_column_privilege(
        current_user, columns.attrelid, columns.attnum, {privilege}
    )
order by columns.attnum
"""


@dataclass(frozen=True, kw_only=True)
class Tenants:
    """Two tenants with committed rows in every table, and a superuser's connection."""

    dba: "psycopg.Connection[Any]"
    tables: list[Table]
    partitions: list[Table]
    own: UUID
    foreign: UUID

    def foreign_rows(self) -> dict[str, list[str]]:
        """Return all rows of the other tenant, as text, by table."""
        query = "select one::text as line from {table} as one where {column} = %s "
        found = {
            table.name: self.dba.execute(
                table.statement(query + "order by line"), (self.foreign,)
            )
            for table in self.tables
        }
        return {name: [line for (line,) in rows] for name, rows in found.items()}

    def row(self, table: Table, tenant: UUID) -> Row:
        """Return one row of a tenant, in JSON's form."""
        query = table.statement(
            "select to_jsonb(one) from {table} as one where {column} = %s limit 1"
        )
        found = self.dba.execute(query, (tenant,)).fetchone()
        assert found is not None, f"tenant.sql inserts no row into {table.name}"
        row: Row = found[0]
        return row

    def count(self, table: Table, tenant: UUID) -> int:
        query = table.statement("select count(*) from {table} where {column} = %s")
        found = self.dba.execute(query, (tenant,)).fetchone()
        assert found is not None
        return int(found[0])


def fill_tenants(dba: "psycopg.Connection[Any]", *, twins: bool = False) -> Tenants:
    """Fill two tenants; twins also have the same ids."""
    with dba.transaction():
        for extent, code in enumerate((OWN, FOREIGN), start=1):
            fill(dba, code=code, extent=extent, ids=_IDS[OWN if twins else code])
    tables = tenant_tables(dba)
    return Tenants(
        dba=dba,
        own=tenant_id(OWN),
        foreign=tenant_id(FOREIGN),
        tables=[table for table in tables if not table.is_partition],
        partitions=[table for table in tables if table.is_partition],
    )


def set_tenant(connection: "psycopg.Connection[Any]", tenant: object) -> None:
    """Let the whole session work for a tenant, or for an invalid one."""
    query = "select set_config('authority.tenant_id', %s, false)"
    connection.execute(query, (str(tenant),))


def writable(
    connection: "psycopg.Connection[Any]", table: Table, privilege: str
) -> list[str]:
    """Return the columns that the login may insert or update."""
    query = sql.SQL(_WRITABLE).format(
        name=sql.Literal(f"authority.{table.name}"), privilege=sql.Literal(privilege)
    )
    return [name for (name,) in connection.execute(query)]


def insert(connection: "psycopg.Connection[Any]", table: Table, row: Row) -> int:
    """Insert a row, with the columns that the login may name."""
    names = writable(connection, table, "INSERT") or [table.tenant_column]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    query = sql.SQL(
        "insert into {table} ({columns}) select {columns} "
        "from jsonb_populate_record(null::{table}, %s)"
    ).format(table=sql.Identifier("authority", table.name), columns=columns)
    return connection.execute(query, (Jsonb(row),)).rowcount


def sqlstate(
    connection: "psycopg.Connection[Any]", query: "sql.Composed | str", *values: object
) -> str | None:
    """Return the SQLSTATE that a statement fails with, or None."""
    statement = query.encode() if isinstance(query, str) else query
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, values)
    except psycopg.Error as error:
        return error.sqlstate
    return None
