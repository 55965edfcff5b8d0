"""A shadow of the schema that keeps every tenant's rows in one partition.

It is the schema of a migrated database as pg_dump writes it, with one clause added to
each table of tenants' rows. So PostgreSQL itself reports what a store that is sharded
by tenant would refuse.
"""

import re
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tools.dumping import pg_dump

PARTITIONS: Final = 4
# Client settings and psql's commands are not part of the schema.
_NOT_SCHEMA: Final = re.compile(r"^(?:SET |SELECT pg_catalog\.set_config|\\).*$", re.M)
# pg_dump writes it for every table. A partitioned table refuses it for foreign keys.
_ONLY: Final = re.compile(r"\bONLY (?=authority\.)")
_TABLE: Final = re.compile(
    r"^(?P<table>CREATE TABLE authority\.(?P<name>\w+) \(\n"
    r"(?P<columns>(?:.+\n)+?)\))[^;)]*(?:\([^)]*\))?;$",
    re.M,
)
_TENANT_COLUMN: Final = re.compile(r"^    tenant_id uuid ", re.M)


def dump_schema(conninfo: str) -> str:
    """Return the statements that create the schema, without monthly partitions."""
    dumped = pg_dump(
        conninfo,
        "--schema-only",
        "--schema=authority",
        "--exclude-table=authority.login_attempts_*",
        "--exclude-table=authority.audit_events_*",
    )
    return _NOT_SCHEMA.sub("", dumped)


def partitioned(dumped: str) -> str:
    """Return the same statements, with tenants' tables partitioned by tenant alone."""

    def by_tenant(table: re.Match[str]) -> str:
        if not _TENANT_COLUMN.search(table["columns"]):
            return table[0]
        return f"{table['table']}\nPARTITION BY HASH (tenant_id);"

    return _ONLY.sub("", _TABLE.sub(by_tenant, dumped))


def create_shadow(connection: "psycopg.Connection[Any]", dumped: str) -> list[str]:
    """Create the shadow in a blank database, and return the names of tenants' tables.

    Raises psycopg.Error when PostgreSQL accepts a statement only without the clause.
    """
    with connection.transaction():
        connection.execute("set local check_function_bodies = off")
        connection.execute(partitioned(dumped).encode())
        tables = partitioned_tables(connection)
        for table in tables:
            _create_partitions(connection, table)
    return tables


def partitioned_tables(connection: "psycopg.Connection[Any]") -> list[str]:
    """Return the names of the tables whose rows are spread by tenant."""
    return [
        name
        for (name,) in connection.execute(
            """
            select pg_class.relname
            from pg_partitioned_table
            inner join pg_class on pg_partitioned_table.partrelid = pg_class.oid
            where pg_class.relnamespace = 'authority'::regnamespace
            order by pg_class.relname
            """
        )
    ]


def _create_partitions(connection: "psycopg.Connection[Any]", table: str) -> None:
    for number in range(PARTITIONS):
        connection.execute(
            SQL(
                "create table authority.{} partition of authority.{} "
                "for values with (modulus {}, remainder {})"
            ).format(
                Identifier(f"{table}_{number}"),
                Identifier(table),
                Literal(PARTITIONS),
                Literal(number),
            )
        )
        # A trigger for the rows of an owner reads the table of the row, here its
        # partition, as a service.
        connection.execute(
            SQL("grant select on authority.{} to authority_app").format(
                Identifier(f"{table}_{number}")
            )
        )


# What a sharded server does to a table before its foreign keys: it makes it anew. Two
# tables are partitioned by month already.
_SHARD: Final = """
    if tenant_column = 'tenant_id' and subject not like all (
        array['login_attempts%', 'audit_events%']
    ) then
        execute format('alter table %s rename to unsharded', target);
        execute format(
            'create table authority.%I (like authority.unsharded including all) '
            'partition by hash (tenant_id)', subject
        );
        drop table authority.unsharded;
        for number in 0..3 loop
            execute format(
                'create table authority.%I partition of authority.%I '
                'for values with (modulus 4, remainder %s)',
                subject || '_' || number, subject, number
            );
        end loop;
        target := format('authority.%I', subject)::regclass;
    end if;
"""


def sharding(isolate_tenants: str) -> str:
    """Return the migration of `isolate_tenants`, which then also shards each table."""
    subject = "(select relname from pg_class where oid = target)"
    parts = isolate_tenants.partition("declare\n")
    body = parts[2].replace("begin\n", f"begin\n{_SHARD}", 1)
    return f"{parts[0]}declare\n    subject constant name := {subject};\n{body}"
