"""A database with the shadow in it, and the queries of a tenant planned there."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from authority_queries.codegen.query import Query
from tests.conftest import PASSWORD
from tests.isolation.shadow import PARTITIONS, create_shadow, dump_schema
from tests.isolation.shadow_plans import PlanMode, Touched, touched_by


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """Connection strings by role, and tables by the names of their partitions."""

    dba: str
    logins: Mapping[str, str]
    tables: Mapping[str, str]

    def touched(self, query: Query, mode: PlanMode) -> tuple[Touched, list[str]]:
        """Plan the query for a new tenant; return what the plan touches.

        A superuser plans it, because policies would bind the tables that it forgets.
        """
        tenant_id = uuid4()
        with psycopg.connect(self.dba, prepare_threshold=None) as connection:
            number = partition_number(connection, tenant_id)
            touched = touched_by(
                connection, query, tenant_id, mode=mode, tables=self.tables
            )
        return touched, touched.beyond(number)


def partition_number(connection: "psycopg.Connection[Any]", tenant_id: UUID) -> int:
    """Return the number of the tenant's partition, the same in every table."""
    (numbers,) = connection.execute(
        """
        select array_agg(numbers.n)
        from generate_series(0, %(count)s - 1) as numbers (n)
        where satisfies_hash_partition(
            'authority.tokens'::regclass, %(count)s, numbers.n, %(tenant_id)s::uuid
        )
        """,
        {"count": PARTITIONS, "tenant_id": tenant_id},
    ).fetchone() or ([],)
    (number,) = numbers
    return int(number)


@contextmanager
def shadow_of(
    template: str, server: str, logins: Mapping[str, str]
) -> Iterator[Shadow]:
    """Create the shadow of a migrated database in a new one on the same server.

    `template` and `server` are connection strings of a superuser; `logins` has the name
    of a member of each role.
    """
    name = f"authority_shadow_{os.getpid()}"
    dba = make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as maker:
        create = SQL("create database {} template template0 encoding 'UTF8'")
        maker.execute(create.format(Identifier(name)))
        try:
            with psycopg.connect(dba) as connection:
                tables = create_shadow(connection, dump_schema(template))
            yield Shadow(
                dba=dba,
                logins={
                    role: make_conninfo(dba, user=login, password=PASSWORD)
                    for role, login in logins.items()
                },
                tables={
                    f"{table}_{number}": table
                    for table in tables
                    for number in range(PARTITIONS)
                },
            )
        finally:
            drop = SQL("drop database {} with (force)")
            maker.execute(drop.format(Identifier(name)))
