"""Statements on one table without a tenant's predicate, for its policy alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tests.isolation.matrix.world import Table, World

# A policy stops each one when it finds no row, or is refused.
PROBES: Final = {
    "reads": "select {column} from {table} where {column} = %(foreign)s",
    "changes": "update {table} set {column} = {column} where {column} = %(foreign)s",
    "deletes": "delete from {table} where {column} = %(foreign)s",
    "gives away": (
        "update {table} set {column} = %(foreign)s where {column} = %(own)s"
    ),
    "adds": (
        "insert into {table} ({columns}) overriding system value "
        "select {columns} from jsonb_populate_record(null::{table}, %(row)s::jsonb)"
    ),
}
_COLUMNS: Final = """
    select attname::text from pg_catalog.pg_attribute
    where attrelid = %s::regclass and attnum > 0
    and not attisdropped and attgenerated = ''
"""
_ROW: Final = (
    "select to_jsonb(one)::text from {table} as one where {column} = %s limit 1"
)


@contextmanager
def granted_everything(world: World, login: str) -> Iterator[None]:
    """Grant a login every privilege on every table."""
    grant = sql.SQL(
        "grant select, insert, update, delete on all tables in schema authority to {}"
    )
    with world.dba.transaction(force_rollback=True):
        world.dba.execute(grant.format(sql.Identifier(login)))
        yield


def open_tables(world: World, login: str, tenant: str) -> list[tuple[str, str]]:
    """Return the tables whose foreign rows a login reaches, and how."""
    return [
        (table.name, how)
        for table in world.tables
        for how in PROBES
        if _gets_at(world, table, how, login, tenant)
    ]


def _gets_at(world: World, table: Table, how: str, login: str, tenant: str) -> bool:
    text, parameters = _probe(world, table, how)
    with world.dba.transaction(force_rollback=True):
        world.dba.execute(
            "select set_config('authority.tenant_id', %s, true), "
            "set_config('role', %s, true)",
            (tenant, login),
        )
        try:
            return world.dba.execute(text, parameters).rowcount > 0
        except InsufficientPrivilege:
            return False
        except psycopg.IntegrityError:  # only a row that it reached breaks a constraint
            return True


def _probe(world: World, table: Table, how: str) -> tuple[sql.Composed, dict[str, Any]]:
    dba = world.dba
    columns = dba.execute(_COLUMNS, (f"authority.{table.name}",)).fetchall()
    row = dba.execute(table.statement(_ROW), (world.foreign,)).fetchone()
    assert row is not None, f"{table.name} has no foreign row"
    text = sql.SQL(PROBES[how]).format(
        table=sql.Identifier("authority", table.name),
        column=sql.Identifier(table.tenant_column),
        columns=sql.SQL(", ").join(sql.Identifier(name) for (name,) in columns),
    )
    return text, {"foreign": world.foreign, "own": world.own, "row": row[0]}
