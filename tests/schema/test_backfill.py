"""`authority backfill` changes the rows of all tenants in batches. It may be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries.cli import main
from authority_queries.errors import BackfillError
from authority_queries.service.backfill_reports import BackfillReport, Pace
from authority_queries.service.backfills import Backfill
from authority_queries.service.migrations import yoyo_url
from tests.conftest import conninfo_of

pytestmark = pytest.mark.one_version

DOCS = Path(__file__).parents[2] / "docs" / "migrations.md"
PACE = Pace(batch_size=10, pause=0)
USERS = {"a": 25, "b": 3, "c": 0}


def statement(page: Path = DOCS) -> str:
    """Return the statement of the page."""
    text = page.read_text(encoding="utf-8")
    _, found, rest = text.partition("-- Fills users.nickname from display_name.\n")
    return found + rest.partition("```")[0]


@pytest.fixture
def filled(dba: "psycopg.Connection[Any]") -> "psycopg.Connection[Any]":
    """Three tenants with users. The column `nickname` is new; `times` counts writes."""
    dba.execute(
        'alter table authority.users add nickname text collate "C", '
        "add times integer not null default 0"
    )
    dba.execute(
        "create function authority.count_write() returns trigger language plpgsql "
        "as 'begin new.times := old.times + 1; return new; end'"
    )
    dba.execute("grant execute on function authority.count_write() to public")
    dba.execute(
        "create trigger count_write before update on authority.users "
        "for each row execute function authority.count_write()"
    )
    for code, count in USERS.items():
        dba.execute(
            "with tenant as (insert into authority.tenants (code, display_name) "
            "values (%(code)s, 'T') returning id) insert into authority.users "
            "(tenant_id, username, username_key, display_name) "
            "select id, 'user' || n, 'user' || n, 'User ' || n from tenant, "
            "generate_series(1, %(count)s) as n",
            {"code": code, "count": count},
        )
    return dba


@pytest.fixture
def fill_nickname(tmp_path: Path) -> Path:
    file = tmp_path / "fill_nickname.sql"
    file.write_text(statement())
    return file


def left(dba: "psycopg.Connection[Any]") -> tuple[int, int]:
    """Return how many users have no nickname, and the most writes of one row."""
    [found] = dba.execute(
        "select count(*) filter (where nickname is null), max(times) "
        "from authority.users"
    ).fetchall()
    return found[0], found[1]


def test_the_owner_without_a_tenant_changes_no_row_and_gets_no_error(
    filled: "psycopg.Connection[Any]",
) -> None:
    filled.execute("set role pg_database_owner")
    done = filled.execute("update authority.users set nickname = 'x'")
    assert done.rowcount == 0


def test_each_row_of_each_tenant_is_changed_once_in_batches(
    filled: "psycopg.Connection[Any]", fill_nickname: Path
) -> None:
    told: list[int] = []
    backfill = Backfill(fill_nickname)
    conninfo = conninfo_of(filled)
    report = backfill.run(conninfo, PACE, progress=lambda r: told.append(r.rows))
    assert (report.rows, report.batches, report.is_complete) == (28, 4, True)
    assert sorted(told)[-1] == 28
    assert left(filled) == (0, 1)
    assert backfill.run(conninfo, PACE).rows == 0


def test_a_run_that_was_stopped_continues(
    filled: "psycopg.Connection[Any]", fill_nickname: Path
) -> None:
    backfill = Backfill(fill_nickname)
    first = backfill.run(conninfo_of(filled), PACE, stop=lambda: True)
    assert (first.batches, first.is_complete) == (1, False)
    second = backfill.run(conninfo_of(filled), PACE)
    assert first.rows + second.rows == 28
    assert left(filled) == (0, 1)


def test_a_run_that_was_killed_continues(
    filled: "psycopg.Connection[Any]",
    fill_nickname: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(conninfo_of(filled)))
    options = ["backfill", str(fill_nickname), "--batch-size", "2", "--pause"]
    with subprocess.Popen(
        [sys.executable, "-m", "authority_queries", *options, "30"],
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        assert "of 3 tenants, 2 rows, 1 batches" in running.stderr.readline()
        running.kill()
    assert left(filled) == (26, 1)
    assert main([*options, "0"]) == 0
    assert "3 of 3 tenants, 26 rows" in capsys.readouterr().out
    assert left(filled) == (0, 1)


def test_a_signal_ends_the_run_after_the_batch(
    filled: "psycopg.Connection[Any]",
    fill_nickname: Path,
    monkeypatch: pytest.MonkeyPatch,
    ctrl_c: None,
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(conninfo_of(filled)))
    interrupt = Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
    interrupt.start()
    options = ["--batch-size", "1", "--pause", "0.1", "--quiet"]
    assert main(["backfill", str(fill_nickname), *options]) == 130
    interrupt.join()
    assert 0 < left(filled)[0] < 28


@pytest.fixture
def locked(filled: "psycopg.Connection[Any]") -> Iterator[None]:
    """A row of the first tenant is locked for half a second."""
    with psycopg.connect(conninfo_of(filled)) as other:
        other.execute("select from authority.users order by id limit 1 for update")
        release = Timer(0.5, other.rollback)
        release.start()
        yield
        release.join()


@pytest.mark.usefixtures("locked")
def test_a_batch_that_waits_for_a_lock_is_tried_again(
    filled: "psycopg.Connection[Any]", fill_nickname: Path
) -> None:
    pace = Pace(batch_size=10, pause=0, lock_timeout=0.05)
    report = Backfill(fill_nickname).run(conninfo_of(filled), pace)
    assert report.retries > 0
    assert report.is_complete
    assert left(filled) == (0, 1)


UPDATE = "update authority.users set nickname = 'x' where tenant_id = :tenant_id"
SOME = (
    "select id from authority.users "
    "where tenant_id = :tenant_id and nickname is null limit :batch_size"
)
TWICE = SOME.replace("limit", "limit 2 *")
AGAIN = SOME.replace("is null", "is null or true")
OF_ALL = (
    "with batch as (select name from authority.permissions "
    "where :tenant_id::uuid is not null limit :batch_size) "
    "update authority.permissions set description = 'x' from batch "
    "where permissions.name = batch.name returning permissions.name"
)
REFUSED = [
    (f"{UPDATE} and nickname is null returning id", "must use :batch_size"),
    (
        f"{UPDATE} and :batch_size > 0 and nickname is null returning id",
        "must select its rows with `limit",
    ),
    (UPDATE.partition(" where")[0] + " returning id", "must use :tenant_id"),
    (f"{UPDATE} and id in ({SOME})", "add `returning`"),
    (SOME, "must have one insert, update or delete"),
    (
        f"with more as ({UPDATE} returning id) {UPDATE} and id in ({SOME}) "
        "returning id",
        "must have one insert, update or delete",
    ),
    (
        f"{UPDATE} and id in ({SOME}) "
        "returning id, set_config('authority.tenant_id', '', true)",
        "changed the setting authority.tenant_id; the batch was rolled back",
    ),
    (f"{UPDATE} and id in ({SOME}) and :no returning id", "missing: no"),
    (f"{UPDATE} and id in ({SOME}) returning id; select 1", "multiple commands"),
    (f"{UPDATE} and id in ({SOME}) returning no", '"no" does not exist'),
    (f"{UPDATE} and id in ({TWICE}) returning id", "changed 20 rows, and :batch_size"),
    (f"{UPDATE} and id in ({AGAIN}) returning id", "rows that it has changed"),
    (OF_ALL, "the rows of authority.permissions belong to no tenant"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_a_statement_that_is_not_bounded_is_refused(
    text: str, why: str, filled: "psycopg.Connection[Any]", tmp_path: Path
) -> None:
    (tmp_path / "wrong.sql").write_text(text)
    with pytest.raises(BackfillError, match="wrong: ") as caught:
        Backfill(tmp_path / "wrong.sql").run(conninfo_of(filled), PACE)
    assert why in str(caught.value)
    assert left(filled)[0] >= 18  # at most one batch was committed


def test_a_statement_that_forgets_what_it_has_done_is_refused(
    filled: "psycopg.Connection[Any]", tmp_path: Path
) -> None:
    text = statement().replace(
        "users.nickname is null", "(users.nickname is null or true)"
    )
    (tmp_path / "wrong.sql").write_text(text)
    with pytest.raises(BackfillError, match="matches rows that it has changed"):
        Backfill(tmp_path / "wrong.sql").run(conninfo_of(filled), PACE)


def test_rows_that_an_older_release_writes_meanwhile_are_changed_too(
    filled: "psycopg.Connection[Any]", fill_nickname: Path
) -> None:
    def write(report: BackfillReport) -> None:
        filled.execute(
            "insert into authority.users "
            "(tenant_id, id, username, username_key, display_name) "
            "select tenants.id, %(id)s, 'zoe', 'zoe', 'Zoe' from authority.tenants "
            "where code = 'a' on conflict do nothing",
            {"id": UUID(int=7)},
        )

    report = Backfill(fill_nickname).run(conninfo_of(filled), PACE, progress=write)
    assert report.rows == 29
    assert left(filled) == (0, 1)


def test_a_batch_that_is_too_large_ends_by_statement_timeout(
    filled: "psycopg.Connection[Any]",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = SOME.replace("nickname is null", "pg_sleep(9) is null")
    (tmp_path / "slow.sql").write_text(f"{UPDATE} and id in ({slow}) returning id")
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(conninfo_of(filled)))
    monkeypatch.setenv("AUTHORITY_STATEMENT_TIMEOUT", "0.1")
    assert main(["backfill", str(tmp_path / "slow.sql")]) == 1
    assert "use a smaller --batch-size" in capsys.readouterr().err


def test_only_the_owner_may_run_a_backfill(
    filled: "psycopg.Connection[Any]", fill_nickname: Path, login_names: dict[str, str]
) -> None:
    weak = make_conninfo(
        conninfo_of(filled), user=login_names["app"], password="swordfish"
    )
    with pytest.raises(BackfillError, match="must own the database"):
        Backfill(fill_nickname).run(weak, PACE)


def test_a_database_without_tenants_is_done(
    dba: "psycopg.Connection[Any]", fill_nickname: Path
) -> None:
    report = Backfill(fill_nickname).run(conninfo_of(dba), PACE)
    assert report == BackfillReport(seconds=report.seconds)
    assert report.is_complete


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--batch-size", "0"], "batch_size"),
        (["--pause", "-1"], "--pause must be at least 0"),
        (["--lock-timeout", "0"], "--lock-timeout must be at least 0.001"),
    ],
    ids=["batch_size", "pause", "lock_timeout"],
)
def test_wrong_options_are_refused(
    options: list[str],
    why: str,
    fill_nickname: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["backfill", str(fill_nickname), *options]) == 2
    assert why in capsys.readouterr().err
