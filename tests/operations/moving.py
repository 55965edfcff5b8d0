"""Two databases of one owner, and digests of the rows of a tenant."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from authority_queries import Mover, Settings
from authority_queries.service.migrations import yoyo_url
from tests.conftest import PASSWORD
from tests.isolation.matrix.world import tenant_tables
from tests.stores import Logins


@dataclass(frozen=True)
class Place:
    """A migrated database, with a superuser's session and everybody's logins."""

    dba: "psycopg.Connection[Any]"
    owner: str
    logins: Logins

    def settings(self, kind: str) -> Settings:
        """Return the settings of a login: owner, app, maintenance or reader."""
        login = self.owner if kind == "owner" else getattr(self.logins, kind)
        return Settings(database_url=yoyo_url(login), pool_max_size=2)

    def mover(self, login: str = "owner") -> AbstractContextManager[Mover]:
        """Open a Mover."""
        return Mover.open(self.settings(login))

    def digests(self, tenant_id: UUID) -> dict[str, tuple[int, str]]:
        """Return the number of the tenant's rows in each table, and their digest."""
        query = (
            "select count(*), coalesce(md5(string_agg(one::text, chr(10) "
            "order by one::text collate \"C\")), '') from {table} as one "
            "where {column} = %s"
        )
        found = {}
        for table in tenant_tables(self.dba):
            row = self.dba.execute(table.statement(query), (tenant_id,)).fetchone()
            assert row is not None
            found[table.name] = row
        return found


@contextmanager
def owned(server: str) -> Iterator[str]:
    """Create the login that owns the databases, and drop it at the end."""
    name = f"authority_test_owner_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as dba:
        dba.execute(f"create role {name} login password '{PASSWORD}'".encode())
        yield name
        dba.execute(f"reassign owned by {name} to current_user".encode())
        dba.execute(f"drop role {name}".encode())


@contextmanager
def place(conninfo: str, owner: str, names: dict[str, str]) -> Iterator[Place]:
    """Let the owner own a migrated database during the block."""
    strings = {
        role: make_conninfo(conninfo, user=name, password=PASSWORD)
        for role, name in {**names, "owner": owner}.items()
    }
    with psycopg.connect(conninfo, autocommit=True) as dba:
        database = dba.info.dbname
        dba.execute(f"alter database {database} owner to {owner}".encode())
        try:
            yield Place(
                dba,
                strings.pop("owner"),
                Logins(dba=conninfo, **strings),
            )
        finally:
            dba.execute(f"alter database {database} owner to current_user".encode())
