"""yoyo's lock: a dead run's is released, and a live run's never."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from authority_queries import migrate
from authority_queries.errors import MigrationError
from authority_queries.service import migration_lock
from authority_queries.service.migration_lock import look
from authority_queries.service.migration_reports import MigrationProgress
from authority_queries.service.migrations import yoyo_url
from tests.conftest import PASSWORD
from tests.isolation.pgbouncer import pooled, program
from tests.schema.runs import is_locked, write

pytestmark = pytest.mark.one_version

AT_ONCE = timedelta(0)
SOON = timedelta(seconds=0.7)  # longer than two looks
TAKE = (
    "insert into authority_yoyo.yoyo_lock (locked, ctime, pid) "
    "values (1, '1999-01-01', 1)"
)


@pytest.fixture(autouse=True)
def _looks_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a fifth of a second pass between two looks, not a second."""
    monkeypatch.setattr(migration_lock, "_ROUND", 0.2)


@contextmanager
def run_of(
    conninfo: str, name: str = "authority yoyo"
) -> Iterator["psycopg.Connection[Any]"]:
    """Hold yoyo's lock as a run on another machine, whose clock is wrong."""
    named = make_conninfo(conninfo, application_name=name)
    with closing(psycopg.connect(named, autocommit=True)) as connection:
        connection.execute(TAKE)
        yield connection


def until(dba: "psycopg.Connection[Any]", query: str, *values: int) -> None:
    """Wait until a query returns true."""
    for _ in range(1000):
        if dba.execute(query.encode(), values or None).fetchone() == (True,):
            return
        time.sleep(0.02)
    raise AssertionError(query)


def yoyo_command(conninfo: str, folder: Path) -> list[str]:
    named = make_conninfo(conninfo, application_name="authority yoyo")
    url = yoyo_url(named, schema="authority_yoyo")
    arguments = ["apply", "--batch", "--no-config-file", "--database", url]
    return [sys.executable, "-m", "yoyo", *arguments, str(folder)]


def test_a_live_runs_lock_stays_and_a_dead_ones_is_released(
    conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    with run_of(conninfo) as run:
        pid = run.info.backend_pid
        with pytest.raises(MigrationError) as caught:
            migrate(conninfo, lock_wait=AT_ONCE)
        assert f"holds yoyo's lock: process {pid} of role " in str(caught.value)
        assert f"pg_terminate_backend({pid})" in str(caught.value)
        with pytest.raises(MigrationError, match="holds yoyo's lock"):
            migrate(conninfo, break_lock=True)
        assert is_locked(dba)
    events: list[MigrationProgress] = []
    assert migrate(conninfo, lock_wait=AT_ONCE, progress=events.append) == []
    assert [event.outcome for event in events] == ["waiting", "released"]
    assert "process 1 since 1999-01-01" in events[1].why
    assert not is_locked(dba)


# What is left for the next run to do after plain yoyo got the signal.
ENDS = {
    signal.SIGINT: ["applied"],
    signal.SIGTERM: ["waiting", "released", "applied"],
    signal.SIGKILL: ["waiting", "released", "applied"],
}


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("number", ENDS)
def test_a_killed_yoyos_lock_is_released_and_its_statement_ends(
    number: signal.Signals,
    conninfo: str,
    dba: "psycopg.Connection[Any]",
    tmp_path: Path,
) -> None:
    write(tmp_path, "0001_sleep", "select pg_sleep(30)")
    sleeping = (
        "select exists (select from pg_stat_activity where datname = "
        "current_database() and wait_event = 'PgSleep')"
    )
    run = subprocess.Popen(
        yoyo_command(conninfo, tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(dba, sleeping)
    run.send_signal(number)
    assert run.wait() != 0
    began = time.monotonic()
    events: list[MigrationProgress] = []
    write(tmp_path, "0001_sleep", "select 1")
    applied = migrate(conninfo, folders=[tmp_path], progress=events.append)
    assert applied == ["0001_sleep"]
    assert [event.outcome for event in events] == ENDS[number]
    assert time.monotonic() - began < 10  # PostgreSQL has ended the statement


def test_a_stopped_yoyos_lock_stays(
    conninfo: str, dba: "psycopg.Connection[Any]", tmp_path: Path
) -> None:
    for number in range(40):
        write(tmp_path, f"{number:04}_wait", "select pg_sleep(0.01)")
    run = subprocess.Popen(yoyo_command(conninfo, tmp_path), stdout=subprocess.DEVNULL)
    some = "select count(*) > 5 from authority_yoyo._yoyo_migration "
    until(dba, some + "where migration_id like '%_wait'")
    run.send_signal(signal.SIGSTOP)
    with pytest.raises(MigrationError, match="holds yoyo's lock: process"):
        migrate(conninfo, lock_wait=SOON, folders=[tmp_path])
    assert is_locked(dba)
    run.send_signal(signal.SIGCONT)
    assert run.wait() == 0
    assert migrate(conninfo, folders=[tmp_path]) == []


def test_a_lock_stays_while_a_migration_of_its_run_may_go_on(
    conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    with psycopg.connect(conninfo) as second:
        with run_of(conninfo):
            second.execute("select 1")
        with pytest.raises(MigrationError) as caught:
            migrate(conninfo, lock_wait=SOON)
        assert f"may go on in process {second.info.backend_pid} of" in str(caught.value)
        second.rollback()
        second.execute("call authority.begin_migration('9999_more')")
        with pytest.raises(MigrationError, match="holds yoyo's lock"):
            migrate(conninfo, lock_wait=AT_ONCE)
        assert is_locked(dba)
    assert migrate(conninfo, lock_wait=AT_ONCE) == []


def test_a_login_that_sees_less_takes_no_live_run_for_dead(
    conninfo: str, dba: "psycopg.Connection[Any]", weak_role: str
) -> None:
    role = sql.Identifier(weak_role)
    for right in ("usage on schema", "select on all tables in schema"):
        grant = sql.SQL("grant " + right + " authority_yoyo to {}")
        dba.execute(grant.format(role))
    weak = make_conninfo(conninfo, options=f"-c role={weak_role}")
    with psycopg.connect(weak, autocommit=True) as observer:
        with run_of(conninfo) as run:
            sight = look(observer)
            assert sight is not None
            assert sight.live is not None
            pid = run.info.backend_pid
            assert sight.live.pid == pid
            assert "connected at" not in sight.live.description
        until(dba, "select not exists (select from pg_stat_get_activity(%s))", pid)
        sight = look(observer)
        assert sight is not None
        assert sight.is_gone
    dba.execute(sql.SQL("drop owned by {}").format(role))


@pytest.mark.parametrize("name", ["", "authority yoyo"])
def test_a_lock_without_proof_waits_for_a_person(
    name: str, conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    with run_of(conninfo, name):
        pass
    if name:
        dba.execute("update authority_yoyo.yoyo_lock set session = null")
        dba.execute("delete from authority_yoyo._yoyo_log")
    with pytest.raises(MigrationError, match="Nothing proves that it has ended") as no:
        migrate(conninfo, lock_wait=SOON)
    assert "`authority migrate --break-lock`" in str(no.value)
    assert is_locked(dba)
    assert migrate(conninfo, break_lock=True) == []


def test_a_run_behind_a_pooler_is_never_taken_for_dead(
    conninfo: str, dba: "psycopg.Connection[Any]", login_names: dict[str, str]
) -> None:
    if program() is None:
        pytest.skip("pgbouncer is not installed")  # -- because it is no Python package
    login = login_names["maintenance"]
    role = sql.Identifier(login)
    for right in ("usage on schema", "all on all tables in schema"):
        grant = sql.SQL("grant " + right + " authority_yoyo to {}")
        dba.execute(grant.format(role))
    direct = make_conninfo(conninfo, user=login, password=PASSWORD)
    idle = "server_idle_timeout = 1"
    with pooled(direct, {login: PASSWORD}, idle) as through, run_of(through) as run:
        until(
            dba,
            "select not exists (select from pg_stat_activity where usename like "
            "'%maintenance%' and datname = current_database())",
        )
        with pytest.raises(MigrationError, match="may belong to a pooler") as caught:
            migrate(conninfo, lock_wait=SOON)
        assert "a client of a pooler" in str(caught.value)
        assert is_locked(dba)
        run.execute("delete from authority_yoyo.yoyo_lock")
    for thing in ("schema", "all tables in schema"):
        revoke = sql.SQL("revoke all on " + thing + " authority_yoyo from {}")
        dba.execute(revoke.format(role))
