"""A migration that was stopped anywhere is applied by the next run."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from authority_queries import migrate
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.schema.plain_yoyo import ROOT
from tests.schema.stops import Script, Stopper
from tools.snapshot import PRIVILEGES, SNAPSHOT, dump, privileges

pytestmark = pytest.mark.one_version

Dba = psycopg.Connection[Any]

MIGRATION_FILES: Final = [
    path for path in sorted(MIGRATIONS.glob("*.sql")) if ".rollback" not in path.name
]
KILLS: Final = 5


def test_each_migration_runs_again_after_each_of_its_statements(
    blank_conninfo: str, request: pytest.FixtureRequest, figures: list[str]
) -> None:
    everywhere = bool(request.config.option.compare_every_stop)
    with psycopg.connect(blank_conninfo, autocommit=True) as dba:
        dba.execute("create schema authority_yoyo")
        stopper = Stopper(dba, compare=everywhere)
        scripts = [Script.read(path) for path in MIGRATION_FILES]
        for script in scripts:
            stopper.apply(script)
        figures.append(
            f"{stopper.stops} stops in {len(scripts)} migrations, "
            f"{len(stopper.faults)} faults"
        )
        assert stopper.faults == []
        assert stopper.stops == sum(len(script.statements) for script in scripts)
        dba.execute("reset role; set search_path = pg_catalog")
        assert privileges(dba) == PRIVILEGES.read_text(encoding="utf-8")
    assert dump(blank_conninfo) == SNAPSHOT.read_text(encoding="utf-8")


# A migration that does not run again from everywhere, and what is found.
UNSAFE: Final = {
    "a table": (
        "create table authority.t (a int);",
        'stopped after statement 1: relation "t" already exists',
    ),
    "a constraint": (
        "create table if not exists authority.t (a int);\n"
        "alter table authority.t add constraint t_a_check check (a > 0);",
        'stopped after statement 2: constraint "t_a_check"',
    ),
    "a policy": (
        "create table if not exists authority.t (a int);\n"
        "create policy p on authority.t using (true);",
        'stopped after statement 2: policy "p"',
    ),
    "a decision by what is there already": (
        "do $$ begin if to_regclass('authority.t') is null then\n"
        "    create table authority.t (a int);\n"
        "    execute 'set local authority.is_new = on';\n"
        "end if; end $$;\n"
        "do $$ begin if current_setting('authority.is_new', true) = 'on' then\n"
        "    create index t_a_idx on authority.t (a);\n"
        "end if; end $$;",
        "stopped after statement 1: table authority.t differs",
    ),
    "a step that is not transactional": (
        "-- transactional: false\n\n"
        "create table if not exists authority.t (a int);\n"
        "create index concurrently t_a_idx on authority.t (a);",
        'stopped after statement 2: relation "t_a_idx" already exists',
    ),
}


@pytest.mark.parametrize("kind", UNSAFE)
def test_a_migration_that_does_not_run_again_is_found(
    kind: str, dba: Dba, tmp_path: Path
) -> None:
    text, fault = UNSAFE[kind]
    (tmp_path / "0001_fail.sql").write_text(text)
    (tmp_path / "0001_fail.rollback.sql").write_text(
        "drop table if exists authority.t;"
    )
    stopper = Stopper(dba, compare=True)
    stopper.apply(Script.read(tmp_path / "0001_fail.sql"))
    assert any(fault in found for found in stopper.faults), stopper.faults


def start_yoyo(conninfo: str, *folders: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "yoyo", "apply", "--batch", *folders],
        cwd=ROOT,
        env={
            **os.environ,
            "AUTHORITY_DATABASE_URL": yoyo_url(conninfo, schema="authority_yoyo"),
        },
        stderr=subprocess.DEVNULL,
    )


def marked(dba: Dba) -> int:
    """Return how many migrations yoyo has marked, or -1 if it has not begun."""
    exist = "select to_regclass('authority_yoyo.' || %s) is not null"
    if dba.execute(exist, ["yoyo_lock"]).fetchone() == (False,):
        return -1
    if dba.execute(exist, ["_yoyo_migration"]).fetchone() == (False,):
        return 0
    query = "select count(*) from authority_yoyo._yoyo_migration"
    [(count,)] = dba.execute(query).fetchall()
    return int(count)


def are_marked(dba: Dba, wanted: int) -> bool:
    return marked(dba) >= wanted


def is_over(dba: Dba) -> bool:
    """Return whether the server has noticed that the job is dead."""
    query = (
        "select count(*) from pg_stat_activity "
        "where application_name = 'authority yoyo' and datname = current_database()"
    )
    return dba.execute(query).fetchone() == (0,)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_killed_job_is_continued_by_the_next_one(
    blank_conninfo: str, figures: list[str]
) -> None:
    chance = random.Random()  # noqa: S311 -- no secret
    killed = []
    with psycopg.connect(blank_conninfo, autocommit=True) as dba:
        dba.execute("create schema authority_yoyo")
        for part in range(KILLS):
            job = start_yoyo(blank_conninfo)
            until(partial(are_marked, dba, len(MIGRATION_FILES) * part // KILLS))
            time.sleep(chance.uniform(0, 0.05))
            job.kill()
            assert job.wait() == -signal.SIGKILL
            until(partial(is_over, dba))
            killed.append(marked(dba))
            if part < KILLS - 1:
                dba.execute("delete from authority_yoyo.yoyo_lock")  # as break-lock
    figures.append(f"killed with {killed} of {len(MIGRATION_FILES)} migrations marked")
    left = packaged_migrations()[killed[-1] :]
    assert migrate(blank_conninfo) == left  # and releases the last lock
    assert dump(blank_conninfo) == SNAPSHOT.read_text(encoding="utf-8")


# The server notices the end of the client, and a second run replaces an invalid index.
CONCURRENTLY: Final = """-- transactional: false

set client_connection_check_interval = '100ms';
drop index concurrently if exists authority.scopes_killed_idx;
create index concurrently scopes_killed_idx on authority.scopes (description);
"""


def is_valid(dba: Dba) -> "bool | None":
    """Return whether the index is valid, or None if there is none."""
    query = (
        "select indisvalid from pg_index "
        "where indexrelid = to_regclass('authority.scopes_killed_idx')"
    )
    found = dba.execute(query).fetchone()
    return found and bool(found[0])


def test_an_index_that_a_killed_job_left_invalid_is_built_by_the_next_one(
    dba: Dba, conninfo: str, tmp_path: Path
) -> None:
    (tmp_path / "9999_index.sql").write_text(CONCURRENTLY)
    with psycopg.connect(conninfo) as writer:
        writer.execute("lock table authority.scopes in row exclusive mode")
        job = start_yoyo(conninfo, str(tmp_path))
        until(lambda: is_valid(dba) is False)
        job.kill()
        assert job.wait() == -signal.SIGKILL
        until(partial(is_over, dba))
    assert is_valid(dba) is False
    assert migrate(conninfo, folders=[tmp_path]) == ["9999_index"]
    assert is_valid(dba) is True
