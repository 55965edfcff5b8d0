"""Migrations without a superuser, as on a managed PostgreSQL."""

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Barrier
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from authority_queries import Authority, Maintenance, Settings, migrate
from authority_queries.errors import MigrationError
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.schema.fresh_server import fresh_server
from tests.schema.test_migrations import ROOT, tables, yoyo

BOOTSTRAP = ROOT / "schema" / "bootstrap.sql"
ROLES = (
    "authority_owner",
    "authority_app",
    "authority_maintenance",
    "authority_reader",
)
_numbers = count(1)


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

    def login(self, attributes: str = "") -> str:
        """Create a login."""
        name = f"Deploy-{next(_numbers)}"
        self.execute(f"create role {{}} login {attributes}", name)
        return name

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


@pytest.fixture(scope="module")
def _server() -> Iterator[Bare]:
    with (
        fresh_server() as (conninfo, psql),
        psycopg.connect(conninfo, autocommit=True) as dba,
    ):
        yield Bare(conninfo, psql, dba)


@pytest.fixture
def bare(_server: Bare) -> Iterator[Bare]:
    yield _server
    _server.forget()


def as_login(conninfo: str, name: str) -> str:
    return make_conninfo(conninfo, user=name)


def owners(conninfo: str) -> set[str]:
    """Return the owners of the schema and of its objects."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "select nspowner::regrole::text from pg_namespace "
            "where nspname = 'authority' "
            "union select relowner::regrole::text from pg_class "
            "where relnamespace = to_regnamespace('authority') "
            "union select proowner::regrole::text from pg_proc "
            "where pronamespace = to_regnamespace('authority')"
        )
        return {name for (name,) in found}


def serve(bare: Bare, database: str) -> list[str]:
    """Work as an operator and as a service, and return what a service reads."""
    for name in ("app", "maintenance"):
        bare.execute("create role {} login", f"authority_test_{name}")
        bare.execute("grant {} to {}", f"authority_{name}", f"authority_test_{name}")
    operator = yoyo_url(as_login(database, "authority_test_maintenance"))
    service = yoyo_url(as_login(database, "authority_test_app"))
    with (
        Maintenance.open(Settings(database_url=operator)) as maintenance,
        maintenance.store() as store,
    ):
        store.login_attempts.create_partitions(months_ahead=9)
        tenant_id = store.tenants.create(code="acme", display_name="Acme").id
    with (
        Authority.open(Settings(database_url=service)) as authority,
        authority.tenant(tenant_id) as store,
    ):
        store.users.create(tenant_id=tenant_id, username="ann")
        return [user.username for user in store.users.list(tenant_id=tenant_id).items]


@pytest.mark.parametrize("inherits", ["", "noinherit"])
def test_an_owner_with_createrole_migrates_by_plain_yoyo(
    bare: Bare, inherits: str
) -> None:
    login = bare.login(f"createrole {inherits}")
    database = bare.database(login)
    with psycopg.connect(database) as dba:
        # On PostgreSQL 15 an owner that inherits nothing has no schema for yoyo's
        # books.
        grant = sql.SQL("grant create on schema public to {}")
        dba.execute(grant.format(sql.Identifier(login)))
    migrator = as_login(database, login)
    yoyo(migrator, "apply", "--batch")
    yoyo(migrator, "apply", "--batch")
    assert bare.roles() == {*ROLES}
    assert owners(database) == {"authority_owner"}
    yoyo(migrator, "rollback", "--batch", "--all")
    assert tables(database) == []
    assert owners(database) == set()
    yoyo(migrator, "apply", "--batch")
    assert owners(database) == {"authority_owner"}
    assert serve(bare, database) == ["ann"]


def test_an_owner_without_createrole_gets_instructions_and_writes_nothing(
    bare: Bare,
) -> None:
    login = bare.login()
    database = bare.database(login)
    with pytest.raises(MigrationError) as caught:
        migrate(as_login(database, login))
    assert (
        f"the role authority_owner is missing, and {login} may not create it: "
        "have a DBA run schema/bootstrap.sql"
    ) in str(caught.value)
    assert bare.roles() == set()
    assert owners(database) == set()
    with psycopg.connect(database) as connection:
        marked = connection.execute(
            "select from authority_yoyo._yoyo_migration"
        ).fetchall()
    assert marked == []


def test_roles_of_another_database_are_not_granted_to_everybody(bare: Bare) -> None:
    migrate(bare.database())
    login = bare.login()
    database = bare.database(login)
    with pytest.raises(MigrationError) as caught:
        migrate(as_login(database, login))
    advice = "have a DBA run schema/bootstrap.sql"
    assert f"{login} is not a member of authority_owner: {advice}" in str(caught.value)
    assert owners(database) == set()


@pytest.mark.parametrize("dba", ["superuser", "owner with createrole"])
@pytest.mark.parametrize("inherits", ["", "noinherit"])
def test_a_login_without_any_privilege_migrates_after_bootstrap(
    bare: Bare, dba: str, inherits: str
) -> None:
    login = bare.login(inherits)
    owner = "postgres" if dba == "superuser" else bare.login("createrole")
    database = bare.database(owner)
    migrator = as_login(database, login)
    for _ in range(2):
        ended, said = bare.bootstrap(
            as_login(database, owner), "-v", f"migrator={login}"
        )
        assert ended == 0
        # Everywhere only a superuser may do this.
        assert not said or (owner != "postgres" and "needs ?schema=" in said)
    assert migrate(migrator) == packaged_migrations()
    assert migrate(migrator) == []
    assert owners(database) == {"authority_owner"}
    yoyo(migrator, "rollback", "--batch", "--all", schema="authority_yoyo")
    assert owners(database) == set()
    assert migrate(migrator) == packaged_migrations()
    assert bare.bootstrap(database, "-v", f"migrator={login}") == (0, "")
    assert migrate(migrator) == []
    assert serve(bare, database) == ["ann"]


def test_bootstrap_grants_the_migrator_only_what_it_announces(bare: Bare) -> None:
    login = bare.login()
    database = bare.database()
    assert bare.bootstrap(database, "-v", f"migrator={login}")[0] == 0
    found = bare.dba.execute(
        "select rolname, rolcanlogin, rolsuper or rolcreaterole or rolcreatedb "
        "or rolbypassrls or rolreplication from pg_roles "
        "where rolname = any(%s) order by rolname",
        [[*ROLES, login]],
    ).fetchall()
    assert found == [
        (login, True, False),
        *((role, False, False) for role in sorted(ROLES)),
    ]
    members = bare.dba.execute(
        "select roleid::regrole::text, member::regrole::text from pg_auth_members "
        "where roleid::regrole::text like 'authority%'"
    ).fetchall()
    assert members == [("authority_owner", f'"{login}"')]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "migrator is not set: run psql -v migrator="),
        (("-v", "migrator=nobody"), 'role "nobody" does not exist'),
    ],
)
def test_a_failing_bootstrap_leaves_nothing(
    bare: Bare, arguments: tuple[str, ...], said: str
) -> None:
    ended, errors = bare.bootstrap(bare.database(), *arguments)
    assert ended == 3
    assert said in errors
    assert bare.roles() == set()


def at_once(runs: "list[Callable[[], list[str]]]") -> "list[list[str]]":
    start = Barrier(len(runs))

    def alone(run: Callable[[], list[str]]) -> list[str]:
        start.wait(timeout=60)
        return run()

    with ThreadPoolExecutor(len(runs)) as threads:
        return list(threads.map(alone, runs))


@pytest.mark.parametrize("attributes", ["superuser", "createrole"])
def test_databases_of_one_server_are_migrated_at_once(
    bare: Bare, attributes: str
) -> None:
    for _ in range(3):
        login = bare.login(attributes)
        databases = [as_login(bare.database(login), login) for _ in range(4)]
        applied = at_once([lambda to=to: migrate(to) for to in databases])  # type: ignore[misc] # a default argument binds each
        assert applied == [packaged_migrations()] * 4
        assert [owners(to) for to in databases] == [{"authority_owner"}] * 4
        bare.forget()


@pytest.mark.parametrize("role", ROLES)
def test_a_migration_waits_for_a_role_that_another_session_is_creating(
    bare: Bare, role: str
) -> None:
    database = bare.database()
    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(bare.conninfo) as other,
    ):
        other.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        migrated = threads.submit(migrate, database)
        waiting = "select from pg_locks where not granted"
        while not bare.dba.execute(waiting).fetchall():
            assert not migrated.done()
        other.commit()
        assert migrated.result(timeout=60) == packaged_migrations()
    assert bare.roles() == {*ROLES}
