"""A migration that waits for a lock stalls nobody for long, and is tried again."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Authority, Settings, migrate
from authority_queries.cli import main
from authority_queries.errors import MigrationError
from authority_queries.service.migration_reports import MigrationProgress
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.factories import make_client, make_tenant, make_token
from tests.schema.plain_yoyo import ROOT
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

LOCK_TIMEOUT = 2.0
READING = 3.5  # seconds
READER = "nightly report"
ALTER = """
set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local role pg_database_owner;
call authority.begin_migration('0001_alter');
lock table authority.tokens in access exclusive mode;
"""


@contextmanager
def reading(conninfo: str, table: str) -> Iterator["psycopg.Connection[Any]"]:
    """Read a table in a transaction that stays open, as a report does."""
    named = make_conninfo(conninfo, application_name=READER)
    with psycopg.connect(named) as connection:
        connection.execute(f"lock table {table} in access share mode".encode())
        yield connection


def longest(call: Callable[[], object], is_over: threading.Event) -> float:
    """Call again and again, and return how long the slowest call took."""
    slowest = 0.0
    while not is_over.is_set():
        began = time.perf_counter()
        call()
        slowest = max(slowest, time.perf_counter() - began)
        time.sleep(0.01)
    return slowest


def test_a_reader_stalls_verifications_for_the_lock_timeout_at_most(
    conninfo: str, logins: Logins, tmp_path: Path
) -> None:
    (tmp_path / "0001_alter.sql").write_text(ALTER)
    with routed_store(logins) as store:
        tenant = make_tenant(store)
        minted, _ = make_token(store, make_client(store, tenant.id))
    events: list[MigrationProgress] = []
    is_over = threading.Event()
    stalls: list[float] = []

    def verify(authority: Authority) -> None:
        stalls.append(longest(lambda: authority.verify_token(minted.token), is_over))

    with (
        Authority.open(Settings(database_url=yoyo_url(logins.app))) as authority,
        reading(conninfo, "authority.tokens") as reader,
    ):
        service = threading.Thread(target=verify, args=[authority])
        service.start()
        threading.Timer(READING, reader.rollback).start()
        try:
            done = migrate(conninfo, folders=[tmp_path], progress=events.append)
        finally:
            is_over.set()
            service.join()
    assert done == ["0001_alter"]
    retries = [event for event in events if event.outcome == "retrying"]
    assert retries
    assert all(READER in event.why for event in retries)
    assert "in a transaction for 00:00:0" in retries[0].why
    assert "select" not in retries[0].why
    assert events[-1].outcome == "applied"
    assert events[-1].seconds > LOCK_TIMEOUT
    assert 1.5 < stalls[0] < LOCK_TIMEOUT + 0.5


def test_a_lock_that_stays_ends_the_run_with_the_name_of_its_holder(
    conninfo: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_alter.sql").write_text(ALTER.replace("2s", "1200ms"))
    with (
        reading(conninfo, "authority.tokens"),
        pytest.raises(MigrationError) as caught,
    ):
        migrate(conninfo, folders=[tmp_path], retry_for=timedelta(0))
    assert "55P03" in str(caught.value)
    assert "; the lock is held by process " in str(caught.value)
    assert f"({READER}, " in str(caught.value)
    assert "in a transaction for 00:00:0" in str(caught.value)
    assert str(caught.value).endswith("; the migration was rolled back")


def test_a_migration_that_met_a_deadlock_is_tried_again(
    conninfo: str, dba: "psycopg.Connection[Any]", tmp_path: Path
) -> None:
    dba.execute("create sequence public.tries")
    (tmp_path / "0001_raise.sql").write_text(
        "do $$ begin if nextval('public.tries') = 1 then "
        "raise deadlock_detected; end if; end $$;"
    )
    events: list[MigrationProgress] = []
    migrate(conninfo, folders=[tmp_path], progress=events.append)
    assert [event.outcome for event in events] == ["retrying", "applied"]
    assert events[0].why == "a deadlock"


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_rolls_back_the_running_migration_and_releases_the_lock(
    number: signal.Signals, conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    (name,) = (
        each for each in packaged_migrations() if each.endswith("create_tenants")
    )
    forget = "delete from authority_yoyo._yoyo_migration where migration_id = %s"
    dba.execute(forget, [name])
    waits = (
        "select exists (select from pg_locks join pg_stat_activity using (pid) "
        "where not granted and datname = current_database())"
    )
    left = (
        "select (select count(*) from authority_yoyo.yoyo_lock), count(*) "
        "from pg_stat_activity where application_name = 'authority migrate' "
        "and datname = current_database()"
    )
    with reading(conninfo, "authority.tenants"):
        run = subprocess.Popen(
            [sys.executable, "-m", "authority_queries", "migrate"],
            cwd=ROOT,
            env={**os.environ, "AUTHORITY_DATABASE_URL": yoyo_url(conninfo)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(1000):
            if dba.execute(waits).fetchone() == (True,):
                break
            time.sleep(0.02)
        run.send_signal(number)
        time.sleep(0.1)
        run.send_signal(number)  # as `timeout` does
        said, told = run.communicate()
    assert run.returncode == 128 + number
    assert said == ""
    assert told == f"authority: {number.name} ended the run, which can be repeated\n"
    assert dba.execute(left).fetchone() == (0, 0)
    assert migrate(conninfo) == [name]


def test_the_command_prints_progress_on_stderr_and_the_result_on_stdout(
    conninfo: str,
    dba: "psycopg.Connection[Any]",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(conninfo))
    last = packaged_migrations()[-1]
    for arguments, told in (([], rf"{last}: \d+\.\d s\n"), (["--quiet"], "")):
        forget = "delete from authority_yoyo._yoyo_migration where migration_id = %s"
        dba.execute(forget, [last])
        assert main(["migrate", *arguments]) == 0
        printed = capsys.readouterr()
        assert printed.out.startswith(f"applied {last}\n1 applied on ")
        assert re.fullmatch(told, printed.err)
    assert main(["migrate", "--retry-for", "-1"]) == 2
    assert "--retry-for must be 0 to 86400 seconds, not -1" in capsys.readouterr().err
