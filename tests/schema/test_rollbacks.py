"""A rollback refuses to lose rows, to stop services, and to leave later migrations."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import pytest
from psycopg import errors as sqlstate
from psycopg.sql import SQL, Identifier

from authority_queries import migrate
from tests.isolation.matrix.world import OWN, fill
from tests.schema.plain_yoyo import run_yoyo, tables, yoyo
from tests.schema.test_rollback_form import IDS, dropped_tables, statements_of
from tools.snapshot import SNAPSHOT, dump

Dba = psycopg.Connection[Any]

NEWEST: Final = IDS[-1]
FIRST: Final = "0001_create_schema"
# The rollback of the templates deletes what an operator may have added.
ADDED: Final = """
insert into authority.system_roles (name, description, permissions)
values ('doorman', '', '{}');
insert into authority.system_scopes (name, display_name, description)
values ('mail', 'Mail', '');
"""


def roll_back(dba: Dba, name: str, *, allowed: str = "", forced: bool = False) -> None:
    """Run a rollback in one transaction, as yoyo does."""
    with dba.transaction():
        dba.execute("select set_config('authority.roll_back', %s, true)", [allowed])
        for text in statements_of(name):
            try:
                with dba.transaction():
                    dba.execute(text)
            except psycopg.DatabaseError:
                if not forced:  # as yoyo without --force
                    raise


def unmark(dba: Dba, name: str) -> None:
    dba.execute(
        "delete from authority_yoyo._yoyo_migration where migration_id = %s", [name]
    )


@contextmanager
def as_replica(dba: Dba) -> Iterator[None]:
    """Run the block without triggers and foreign keys."""
    dba.execute("set session_replication_role = replica")
    yield
    dba.execute("reset session_replication_role")


def filled(dba: Dba) -> None:
    """Create a tenant with a row of everything."""
    with dba.transaction():
        fill(dba, code=OWN, extent=1, ids="aaaaaaaa")


def is_there(dba: Dba, table: str) -> bool:
    found = dba.execute("select to_regclass(%s)", [f"authority.{table}"]).fetchone()
    return found != (None,)


def test_a_rollback_in_a_database_with_tenants_must_be_named(dba: Dba) -> None:
    filled(dba)
    for name in reversed(IDS):
        if is_there(dba, "tenants"):
            for allowed in ("", "on", f"{FIRST},9999_{name[5:]}"):
                with pytest.raises(sqlstate.ObjectInUse) as caught:
                    roll_back(dba, name, allowed=allowed)
                assert "authority.tenants has rows" in str(caught.value)
                assert f"authority.roll_back={name}'" in str(caught.value)
        # The second run is the one after a crash: rolled back, and not unmarked.
        for _ in range(2):
            roll_back(dba, name, allowed=f"{FIRST}, {name}")
        unmark(dba, name)
    assert dba.execute("select to_regnamespace('authority')").fetchone() == (None,)


def test_a_table_with_rows_of_no_tenant_is_kept_too(dba: Dba) -> None:
    filled(dba)
    with as_replica(dba):
        dba.execute("delete from authority.tenants")
    delete = SQL("delete from authority.{}")
    kept: list[str] = []
    for name in reversed(IDS):
        dropped = dropped_tables(name)
        for table in dropped:
            if table == "tenants":  # its rows were deleted
                continue
            with dba.transaction(force_rollback=True):
                with as_replica(dba):
                    for other in set(dropped) - {table}:
                        dba.execute(delete.format(Identifier(other)))
                message = f"{name} was not rolled back: authority.{table} has rows"
                with pytest.raises(sqlstate.ObjectInUse, match=message):
                    roll_back(dba, name)
                roll_back(dba, name, forced=True)
                assert is_there(dba, table)
            kept.append(table)
        with dba.transaction(force_rollback=True):
            with as_replica(dba):
                for table in dropped:
                    dba.execute(delete.format(Identifier(table)))
            roll_back(dba, name)  # dead rows do not count
            assert not any(is_there(dba, table) for table in dropped)
        roll_back(dba, name, allowed=name)
        if "_seed_catalogue" in name:
            dba.execute(ADDED.encode())
        unmark(dba, name)
    assert len(kept) == len({*kept}) >= 34


def test_a_migration_is_rolled_back_after_all_later_ones(dba: Dba) -> None:
    for name in IDS[1:-1]:
        with pytest.raises(sqlstate.ObjectNotInPrerequisiteState) as caught:
            roll_back(dba, name, allowed=name)
        assert f"{name} cannot be rolled back: {NEWEST} is applied" in str(caught.value)
    with pytest.raises(sqlstate.DependentObjectsStillExist):
        roll_back(dba, FIRST)


@pytest.mark.one_version
def test_yoyo_rolls_nothing_back_in_a_database_with_tenants(
    dba: Dba, conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(dba)
    for command in (
        ["rollback", "--batch", "--revision", "_create_user_roles"],
        ["reapply", "--batch"],
        ["develop"],
    ):
        done = run_yoyo(conninfo, *command)
        assert done.returncode != 0, command
        assert ("cannot be rolled back" if "--revision" in command else NEWEST) in (
            done.stderr
        )
    assert migrate(conninfo) == []
    monkeypatch.setenv("PGOPTIONS", f"-c authority.roll_back={NEWEST}")
    yoyo(conninfo, "rollback", "--batch")
    assert len(tables(conninfo)) > 34
    yoyo(conninfo, "apply", "--batch")
    assert dump(conninfo) == SNAPSHOT.read_text(encoding="utf-8")
    assert dba.execute("select count(*) from authority.users").fetchone() != (0,)


def test_a_row_that_is_inserted_meanwhile_is_seen(dba: Dba, conninfo: str) -> None:
    drop = "call authority.drop_tables('0001_x', 'permissions')"
    waits = (
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and pid = %s"
    )
    with (
        psycopg.connect(conninfo) as writer,
        psycopg.connect(conninfo) as owner,
        ThreadPoolExecutor(1) as pool,
    ):
        dba.execute("delete from authority.permissions")
        writer.execute(
            "insert into authority.permissions (name, description) values ('a:b', '')"
        )
        dropping = pool.submit(owner.execute, drop)
        while not dba.execute(waits, [owner.info.backend_pid]).fetchone():
            time.sleep(0.01)
        writer.commit()
        with pytest.raises(sqlstate.ObjectInUse, match="permissions has rows"):
            dropping.result(timeout=10)
        owner.rollback()
        owner.execute("set transaction isolation level repeatable read")
        with pytest.raises(
            sqlstate.ObjectNotInPrerequisiteState, match="not repeatable read"
        ):
            owner.execute(drop)
