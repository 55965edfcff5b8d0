import os
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from authority_queries import migrate
from authority_queries.codegen.throwaway import memory_folder
from authority_queries.errors import MigrationError, UnavailableError
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import packaged_migrations
from tests.cluster import new_cluster
from tests.erasure.rows import all_rows
from tests.factories import make_tenant
from tests.isolation.matrix.world import OWN, fill
from tests.schema.plain_yoyo import tables, yoyo
from tests.stores import Logins, routed_store
from tools.snapshot import PRIVILEGES, SNAPSHOT, dump, privileges

LONGEST_FILE = 250
LONGEST_WAIT = 2000  # milliseconds
# The seeds give each tenant what it lacks.
WRITTEN_AGAIN = {"roles", "role_permissions", "scopes", "audit_events"}
IDS = sorted(
    path.stem for path in MIGRATIONS.glob("*.sql") if ".rollback" not in path.name
)


def test_the_snapshot_is_the_schema_that_the_migrations_make(conninfo: str) -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == dump(conninfo), "make snapshot"


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [int(name[:4]) for name in IDS] == [*range(1, len(IDS) + 1)]


def test_every_migration_is_short_and_has_a_rollback_and_a_header() -> None:
    for name in IDS:
        text = (MIGRATIONS / f"{name}.sql").read_text()
        assert len(text.splitlines()) <= LONGEST_FILE, name
        assert text.startswith("-- "), name
        assert "\n-- Locks: " in text, name
        assert (MIGRATIONS / f"{name}.rollback.sql").exists(), name


def test_every_migration_gives_up_a_lock_after_two_seconds_at_most() -> None:
    for name in IDS:
        text = (MIGRATIONS / f"{name}.sql").read_text()
        waits = re.findall(
            r"^set (?:local )?lock_timeout = '(\d+)(ms|s)';$", text, re.M
        )
        assert len(waits) == 1, name
        ((number, unit),) = waits
        assert 0 < int(number) * (1 if unit == "ms" else 1000) <= LONGEST_WAIT, name
        assert text.index("lock_timeout") < text.index("role pg_database_owner;"), name


def test_migrate_applies_all_once(blank_conninfo: str) -> None:
    assert packaged_migrations() == IDS
    assert migrate(blank_conninfo) == IDS
    assert migrate(blank_conninfo) == []


def test_plain_yoyo_applies_rolls_back_to_nothing_and_applies_again(
    blank_conninfo: str,
) -> None:
    with psycopg.connect(blank_conninfo) as connection:
        connection.execute("create schema authority_yoyo")
    yoyo(blank_conninfo, "apply", "--batch")
    yoyo(blank_conninfo, "apply", "--batch")
    assert dump(blank_conninfo) == SNAPSHOT.read_text(encoding="utf-8")
    yoyo(blank_conninfo, "rollback", "--batch", "--all")
    assert tables(blank_conninfo) == []
    with psycopg.connect(blank_conninfo) as connection:
        left = connection.execute("select to_regnamespace('authority')").fetchone()
    assert left == (None,)
    yoyo(blank_conninfo, "apply", "--batch")
    assert dump(blank_conninfo) == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.one_version
def test_migrate_recovers_from_a_crash_between_apply_and_mark(
    conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    with dba.transaction():
        fill(dba, code=OWN, extent=1, ids="aaaaaaaa")
    before = {row.identity() for row in all_rows(dba)}
    dba.execute("delete from authority_yoyo._yoyo_migration")
    assert migrate(conninfo) == IDS
    assert dump(conninfo) == SNAPSHOT.read_text(encoding="utf-8")
    assert privileges(dba) == PRIVILEGES.read_text(encoding="utf-8")
    after = {row.identity() for row in all_rows(dba)}
    assert before - after == set()
    assert {table for table, _ in after - before} <= WRITTEN_AGAIN
    system = "select count(*) from authority.roles where is_system"
    assert dba.execute(system).fetchone() == (3,)


def rights(dba: "psycopg.Connection[Any]") -> "list[tuple[str, str, int]]":
    """Return the system roles of each tenant, and how many permissions each has."""
    return dba.execute(
        "select tenants.code, roles.name, count(role_permissions.permission) "
        "from authority.tenants join authority.roles on tenant_id = tenants.id "
        "left join authority.role_permissions on role_permissions.role_id = roles.id "
        "where is_system group by 1, 2 order by 1, 2"
    ).fetchall()


def test_a_data_migration_changes_every_tenant(
    conninfo: str, dba: "psycopg.Connection[Any]", logins: Logins, tmp_path: Path
) -> None:
    with routed_store(logins) as store:
        make_tenant(store, code="acme")
        suspended = make_tenant(store, code="globex")
        store.tenants.suspend(tenant_id=suspended.id)
    born = rights(dba)
    assert {code for code, _, _ in born} == {"acme", "globex"}
    dba.execute("delete from authority.role_permissions")
    dba.execute("delete from authority.roles where name = 'auditor'")
    folder = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    seed = folder / "0036_seed_catalogue.sql"
    text = seed.read_text()
    role = (
        "('doorman', 'Opens.', array['users:read', 'audit:read']),\n(\n    'auditor',"
    )
    assert text.count("(\n    'auditor',") == 1
    seed.write_text(text.replace("(\n    'auditor',", role))
    dba.execute(
        "delete from authority_yoyo._yoyo_migration where migration_id = %s",
        [seed.stem],
    )
    assert migrate(conninfo, folders=[folder]) == [seed.stem]
    doormen = [(code, "doorman", 2) for code in ("acme", "globex")]
    assert rights(dba) == sorted([*born, *doormen])


def test_a_second_run_at_the_same_time_is_refused(
    conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    dba.execute(
        "insert into authority_yoyo.yoyo_lock (locked, ctime, pid) values (1, now(), 1)"
    )
    with pytest.raises(MigrationError, match="break-lock"):
        migrate(conninfo, lock_wait=timedelta(0))
    assert migrate(conninfo, break_lock=True) == []


def test_the_users_own_options_reach_the_migrations(blank_conninfo: str) -> None:
    options = make_conninfo(blank_conninfo, options="-c statement_timeout=1")
    with pytest.raises(MigrationError, match="57014"):
        migrate(options)


@pytest.mark.one_version
def test_a_database_of_any_name_is_migrated(
    blank_conninfo: str,
) -> None:
    name = f"we ird?d%b{os.getpid()}"
    quoted = sql.Identifier(name)
    with psycopg.connect(blank_conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(quoted))
        try:
            assert migrate(make_conninfo(blank_conninfo, dbname=name)) == IDS
        finally:
            connection.execute(sql.SQL("drop database {}").format(quoted))


def test_a_login_without_write_privilege_gets_its_own_error(
    blank_conninfo: str, conninfo: str
) -> None:
    for each in (blank_conninfo, conninfo):
        options = "-c default_transaction_read_only=on"
        with pytest.raises(MigrationError, match="default_transaction_read_only is on"):
            migrate(make_conninfo(each, options=options))


def test_a_standby_gets_its_own_error() -> None:
    with memory_folder(1 << 30) as folder, new_cluster(folder) as cluster:
        (folder / "data" / "standby.signal").touch()
        cluster.start()
        with pytest.raises(MigrationError, match="is a standby, which takes no writes"):
            migrate(cluster.conninfo)


@pytest.mark.usefixtures("_yoyo_gives_up_at_once")
def test_an_error_names_what_keeps_yoyo_from_its_lock(
    conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    dba.execute("alter table authority_yoyo.yoyo_lock add check (pid < 0)")
    with pytest.raises(MigrationError, match=r"cannot take its lock: .*23514"):
        migrate(conninfo)


@pytest.mark.usefixtures("_yoyo_gives_up_at_once")
def test_a_role_that_may_not_create_gets_an_error(
    blank_conninfo: str, weak_role: str
) -> None:
    weak = make_conninfo(blank_conninfo, options=f"-c role={weak_role}")
    with pytest.raises(MigrationError, match="may not keep yoyo's books in"):
        migrate(weak)


# A migration, the line that the error names, and the message.
FAILING = [
    ("create table public.t (a int); select no;", 1, 'column "no" does not exist'),
    (
        "-- Purpose.\n\n-- depends:\n\ncreate table public.t (a int);\n\n"
        "/* select no; */\n-- Why.\nselect\n    a,\n    é.no\nfrom public.t as é;\n",
        11,
        "column é.no does not exist",
    ),
    ("select 1;\nselect 1/0\n;select 1;\n", 2, "hidden"),
    (
        "create table public.t ();\n\n\n-- Why.\ncreate table public.t ();\n",
        5,
        "relation",
    ),
    (
        "create table public.t (a int);\n\ndo $$\nbegin\n  x\nend $$;\n",
        6,
        "unexpected end",
    ),
]


@pytest.mark.parametrize(("text", "line", "why"), FAILING)
def test_a_failing_migration_is_rolled_back_and_named_with_its_line(
    text: str, line: int, why: str, blank_conninfo: str, tmp_path: Path
) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "0001_begin.sql").write_text("select 1;\n" * 9)
    (tmp_path / "sql" / "0002_fail.sql").write_text(text)
    with pytest.raises(MigrationError) as caught:
        migrate(blank_conninfo, folders=[tmp_path / "sql"])
    file = tmp_path / "sql" / "0002_fail.sql"
    assert str(caught.value).startswith(f"{file}:{line}: {why}")
    assert str(caught.value).endswith("; the migration was rolled back")
    with psycopg.connect(blank_conninfo) as connection:
        assert connection.execute("select to_regclass('public.t')").fetchone() == (
            None,
        )


def test_a_failing_migration_without_transaction_is_not_called_rolled_back(
    blank_conninfo: str, tmp_path: Path
) -> None:
    text = "-- transactional: false\n\ncreate table public.t (a int);\n\nselect no;\n"
    (tmp_path / "0001_fail.sql").write_text(text)
    with pytest.raises(MigrationError) as caught:
        migrate(blank_conninfo, folders=[tmp_path])
    assert "0001_fail.sql:5: " in str(caught.value)
    assert str(caught.value).endswith("; the migration may have left a part")
    with psycopg.connect(blank_conninfo) as connection:
        assert connection.execute("select to_regclass('public.t')").fetchone() == ("t",)


def test_an_empty_folder_of_migrations_is_an_error(
    blank_conninfo: str, tmp_path: Path
) -> None:
    with pytest.raises(MigrationError, match="no migrations in"):
        migrate(blank_conninfo, folders=[tmp_path])


def test_an_unreachable_server_is_an_error_without_the_password() -> None:
    with pytest.raises(UnavailableError) as caught:
        migrate("postgresql://me:swordfish@127.0.0.1:1/x")
    assert "swordfish" not in str(caught.value)


def test_a_user_without_a_name_can_migrate(
    blank_conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    monkeypatch.setenv("LOGNAME", "")  # This undoes what migrate sets.
    assert migrate(blank_conninfo) == IDS
