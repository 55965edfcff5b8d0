"""Migrations without a superuser, as on a managed PostgreSQL."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from psycopg import sql

from authority_queries import Authority, Maintenance, Settings, migrate
from authority_queries.errors import MigrationError
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.schema.bare_server import ROLES, Bare, as_login, name_of
from tests.schema.plain_yoyo import tables, yoyo


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
        bare.let_in(database, f"authority_test_{name}")
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


def test_an_owner_with_createrole_migrates_by_plain_yoyo(bare: Bare) -> None:
    login = bare.login("createrole")
    database = bare.database(login)
    migrator = as_login(database, login)
    with psycopg.connect(migrator) as connection:
        connection.execute("create schema authority_yoyo")
    yoyo(migrator, "apply", "--batch")
    yoyo(migrator, "apply", "--batch")
    assert bare.roles() == {*ROLES}
    assert owners(database) == {"pg_database_owner"}
    yoyo(migrator, "rollback", "--batch", "--all")
    assert tables(database) == []
    assert owners(database) == set()
    yoyo(migrator, "apply", "--batch")
    assert owners(database) == {"pg_database_owner"}
    assert serve(bare, database) == ["ann"]


def test_an_owner_without_createrole_gets_instructions_and_writes_nothing(
    bare: Bare,
) -> None:
    login = bare.login()
    database = bare.database(login)
    with pytest.raises(MigrationError) as caught:
        migrate(as_login(database, login))
    assert (
        f"the role authority_app is missing, and {login} may not create it: "
        "have a DBA run schema/bootstrap.sql"
    ) in str(caught.value)
    assert bare.roles() == set()
    assert owners(database) == set()
    with psycopg.connect(database) as connection:
        marked = connection.execute(
            "select from authority_yoyo._yoyo_migration"
        ).fetchall()
    assert marked == []


def test_a_member_of_the_owner_migrates_without_inheriting_anything(
    bare: Bare,
) -> None:
    owner, login = bare.login("createrole"), bare.login("createrole noinherit")
    database = bare.database(owner)
    bare.execute("grant {} to {}", owner, login)
    with psycopg.connect(database) as dba:
        name = sql.Identifier(login)
        dba.execute(
            sql.SQL("create schema authority_yoyo authorization {}").format(name)
        )
    assert migrate(as_login(database, login)) == packaged_migrations()
    assert owners(database) == {"pg_database_owner"}
    assert migrate(as_login(database, login)) == []


@pytest.mark.one_version
def test_a_login_that_does_not_own_the_database_gets_instructions(bare: Bare) -> None:
    migrate(bare.database())
    login = bare.login("createrole")
    database = bare.database()
    bare.execute("grant connect, create on database {} to {}", name_of(database), login)
    with pytest.raises(MigrationError) as caught:
        migrate(as_login(database, login))
    advice = "nor a member of the owner: have a DBA run schema/bootstrap.sql"
    assert advice in str(caught.value)
    assert owners(database) == set()


@pytest.mark.parametrize(
    ("dba", "inherits"),
    [
        pytest.param("superuser", "", marks=pytest.mark.one_version),
        ("owner with createrole", "noinherit"),
    ],
)
def test_a_login_without_any_privilege_migrates_after_bootstrap(
    bare: Bare, dba: str, inherits: str
) -> None:
    owner = "postgres" if dba == "superuser" else bare.login("createrole createdb")
    login = bare.login(inherits, by=owner)
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
    assert owners(database) == {"pg_database_owner"}
    yoyo(migrator, "rollback", "--batch", "--all")
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
    memberships = "select from pg_auth_members where member::regrole::text ~ 'Deploy'"
    assert bare.dba.execute(memberships).fetchall() == []
    owned = "select datname from pg_database where pg_get_userbyid(datdba) = %s"
    assert bare.dba.execute(owned, [login]).fetchall() == [(name_of(database),)]


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


def at_once(runs: "Sequence[Callable[[], list[str]]]") -> "list[list[str]]":
    start = Barrier(len(runs))

    def alone(run: Callable[[], list[str]]) -> list[str]:
        start.wait(timeout=60)
        return run()

    with ThreadPoolExecutor(len(runs)) as threads:
        return list(threads.map(alone, runs))


@pytest.mark.one_version
@pytest.mark.parametrize("attributes", ["superuser", "createrole"])
def test_databases_of_one_server_are_migrated_at_once(
    bare: Bare, attributes: str, tmp_path: Path
) -> None:
    first, *_ = packaged_migrations()  # It creates the roles, which databases share.
    shutil.copy(MIGRATIONS / f"{first}.sql", tmp_path)
    for _ in range(4):
        login = bare.login(attributes)
        databases = [as_login(bare.database(login), login) for _ in range(4)]
        runs = [partial(migrate, to, folders=[tmp_path]) for to in databases]
        assert at_once(runs) == [[first]] * 4
        assert [owners(to) for to in databases] == [{"pg_database_owner"}] * 4
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
