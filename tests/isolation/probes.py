"""Attempts on every table of tenants; each returns the tables where it succeeds."""

from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from tests.isolation.tenant_rows import Tenants, insert, sqlstate, writable

DENIED = "42501"


def seen(connection: "psycopg.Connection[Any]", tenants: Tenants) -> list[str]:
    """Return the tables where a session reads a row."""
    query = "select exists (select {column} from {table})"
    return [
        table.name
        for table in tenants.tables
        if connection.execute(table.statement(query)).fetchone() != (False,)
    ]


def inserted(
    connection: "psycopg.Connection[Any]", tenants: Tenants, tenant: UUID
) -> list[str]:
    """Return the tables that do not refuse a row of the tenant at once."""
    found = []
    for table in tenants.tables:
        try:
            with connection.transaction(force_rollback=True):
                insert(connection, table, tenants.row(table, tenant))
        except psycopg.errors.InsufficientPrivilege as error:
            by_policy = "row-level security" in str(error)
            assert by_policy or not writable(connection, table, "INSERT"), table.name
            continue
        except psycopg.errors.IntegrityError:
            pass  # the policy let it through
        found.append(table.name)
    return found


def changed(connection: "psycopg.Connection[Any]", tenants: Tenants) -> list[str]:
    """Return the tables where a session changes or deletes a row, or tries to."""
    found = []
    for table in tenants.tables:
        column = (writable(connection, table, "UPDATE") or [table.tenant_column])[0]
        update = sql.SQL("update {table} set {column} = {column}").format(
            table=sql.Identifier("authority", table.name), column=sql.Identifier(column)
        )
        touched = [touches(connection, update)]
        touched.append(touches(connection, table.statement("delete from {table}")))
        found += [table.name] if any(touched) else []
    return found


def touches(connection: "psycopg.Connection[Any]", statement: sql.Composed) -> bool:
    """Return whether a statement reaches a row; keep nothing."""
    try:
        with connection.transaction(force_rollback=True):
            return connection.execute(statement).rowcount > 0
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.errors.ForeignKeyViolation:
        return True


def moved(connection: "psycopg.Connection[Any]", tenants: Tenants) -> list[str]:
    """Return the tables where the own rows can be moved to another tenant.

    One attempt reads no row: then only the policy's check applies.
    """
    update = "update {table} set {column} = %s"
    states = {
        (table.name, text): sqlstate(connection, table.statement(text), tenants.foreign)
        for table in tenants.tables
        for text in (update, update + " where {column} is not null")
    }
    return [name for (name, _), state in states.items() if state != DENIED]


def weaken(tenants: Tenants, how: str) -> list[str]:
    """Change each table's policy of tenants, and return the tables."""
    for table in tenants.tables:
        policy = f"{table.name}_{table.tenant_column}_policy"
        change = f"alter policy {policy} on authority.{table.name} {how}"
        tenants.dba.execute(change.encode())
    return [table.name for table in tenants.tables]
