"""A server on which nobody has migrated yet: its databases, logins and roles."""

import subprocess
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.schema.plain_yoyo import ROOT

BOOTSTRAP = ROOT / "schema" / "bootstrap.sql"
ROLES = ("authority_app", "authority_maintenance", "authority_reader")
_numbers = count(1)


def as_login(conninfo: str, name: str) -> str:
    return make_conninfo(conninfo, user=name)


def name_of(conninfo: str) -> str:
    """Return the name of the database."""
    return str(conninfo_to_dict(conninfo)["dbname"])


@dataclass(frozen=True)
class Bare:
    """A server on which nobody has migrated yet."""

    conninfo: str
    psql: str
    dba: "psycopg.Connection[Any]"

    def execute(self, statement: str, *names: str) -> None:
        """Execute a statement as a superuser; each {} is a name."""
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))
        self.dba.execute(composed)

    def login(self, attributes: str = "", by: str = "postgres") -> str:
        """Create a login as this role."""
        name = f"Deploy-{next(_numbers)}"
        self.dba.execute(sql.SQL("set role {}").format(sql.Identifier(by)))
        self.execute(f"create role {{}} login {attributes}", name)
        self.dba.execute("reset role")
        return name

    def let_in(self, conninfo: str, *logins: str) -> None:
        """Let logins connect to a database."""
        for login in logins:
            self.execute("grant connect on database {} to {}", name_of(conninfo), login)

    def database(self, owner: str = "postgres") -> str:
        """Create a database, and return a superuser's connection string to it."""
        name = f"authority {next(_numbers)}"
        self.execute("create database {} owner {}", name, owner)
        return make_conninfo(self.conninfo, dbname=name)

    def bootstrap(self, conninfo: str, *arguments: str) -> "tuple[int, str]":
        """Run schema/bootstrap.sql as a DBA does."""
        done = subprocess.run(
            [self.psql, "-X", "-q", "-d", conninfo, *arguments, "-f", BOOTSTRAP],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    def forget(self) -> None:
        """Drop the tests' databases, then their roles."""
        for (name,) in self.dba.execute(
            "select datname from pg_database where datname like 'authority %'"
        ).fetchall():
            self.execute("drop database {} with (force)", name)
        for (name,) in self.dba.execute(
            "select rolname from pg_roles where rolname ~ '^(authority_|Deploy-)'"
        ).fetchall():
            self.execute("drop owned by {}", name)
            self.execute("drop role {}", name)

    def roles(self) -> set[str]:
        """Return the authority's roles that exist."""
        found = self.dba.execute(
            "select rolname from pg_roles where rolname = any(%s)", [[*ROLES]]
        )
        return {name for (name,) in found}
