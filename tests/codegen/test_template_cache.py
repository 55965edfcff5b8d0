"""The parts of a prepared database that are kept, and when it is made again."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from authority_queries.codegen import template_cache, throwaway
from authority_queries.codegen.plans.database import planning_session
from authority_queries.codegen.template_cache import TemplateCache
from authority_queries.codegen.template_key import template_key
from authority_queries.codegen.throwaway import prepared_database
from authority_queries.service.embedded.account import server_account

pytestmark = pytest.mark.one_version

KEY = "0" * 64
COMMAND = """\
import sys
from pathlib import Path
from authority_queries.cli import main
from authority_queries.service.embedded.account import server_account
from authority_queries.codegen import template_cache, throwaway
cache = template_cache.TemplateCache(Path(sys.argv[1]), server_account())
throwaway.usual_cache = lambda: cache
sys.exit(main(["plans"]))
"""


@pytest.fixture
def cache(tmp_path: Path) -> TemplateCache:
    folder = tmp_path / "templates"
    folder.mkdir()
    return TemplateCache(folder, server_account())


def make_notes(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("create table notes as select 1 as id")


def refuse_to_make(conninfo: str) -> None:
    raise AssertionError(conninfo)


def notes_of(
    cache: TemplateCache, key: str, prepare: Callable[[str], None]
) -> list[object]:
    with (
        prepared_database(prepare, key=key, server=None, cache=cache) as conninfo,
        psycopg.connect(conninfo) as connection,
    ):
        return [note for (note,) in connection.execute("select id from notes")]


def test_what_was_made_once_is_restored_and_changes_of_a_run_are_not_kept(
    cache: TemplateCache,
) -> None:
    assert notes_of(cache, KEY, make_notes) == [1]
    with prepared_database(
        refuse_to_make, key=KEY, server=None, cache=cache
    ) as conninfo:
        with psycopg.connect(conninfo) as connection:
            connection.execute("insert into notes values (2)")
        # Another run at the same time has a server of its own.
        assert notes_of(cache, KEY, refuse_to_make) == [1]
    assert notes_of(cache, KEY, refuse_to_make) == [1]


def test_a_failure_keeps_nothing(cache: TemplateCache) -> None:
    with pytest.raises(AssertionError):
        notes_of(cache, KEY, refuse_to_make)
    assert list(cache.folder.iterdir()) == []


@pytest.mark.parametrize("octets", [0, 1 << 20])
def test_a_damaged_entry_is_made_again(cache: TemplateCache, octets: int) -> None:
    assert notes_of(cache, KEY, make_notes) == [1]
    [entry] = cache.folder.iterdir()
    whole = entry.stat().st_size
    os.truncate(entry, octets)
    assert notes_of(cache, KEY, make_notes) == [1]
    assert entry.stat().st_size > whole // 2


def test_the_oldest_entries_and_abandoned_ones_are_removed(
    cache: TemplateCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(10):
        entry = cache.folder / f"{number}.tar"
        entry.touch()
        os.utime(entry, (number, number))
    for name, time in (("old.part", 0), ("new.part", 4e9)):
        (cache.folder / name).touch()
        os.utime(cache.folder / name, (time, time))
    cache.keep(KEY, data)
    left = {path.name for path in cache.folder.iterdir()}
    assert left == {
        f"{KEY}.tar",
        "new.part",
        *(f"{number}.tar" for number in range(3, 10)),
    }

    monkeypatch.setattr(template_cache, "_MOST_OCTETS", 1)
    cache.keep(KEY, data)
    assert {path.name for path in cache.folder.glob("*.tar")} == set()


def test_the_key_is_of_all_that_decides_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, sample = tmp_path / "migrations", tmp_path / "sample.sql"
    folder.mkdir()
    (folder / "1.sql").write_text("a")
    sample.write_text("b")

    def key() -> str | None:
        return template_key([folder, sample], [template_cache])

    keys = [key()]
    assert keys == [key()]
    (folder / "1.sql").write_text("c")
    keys.append(key())
    (folder / "1.sql").rename(folder / "2.sql")
    keys.append(key())
    sample.write_text("d")
    keys.append(key())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    keys.append(key())
    monkeypatch.setenv("PGOPTIONS", "-c search_path=x")
    keys.append(key())
    keys.append(template_key([folder, sample], []))
    assert None not in keys
    assert len({*keys}) == len(keys)


def test_what_may_read_anything_has_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1.sql").touch()
    assert template_key([tmp_path], [])
    (tmp_path / "2.py").touch()
    assert template_key([tmp_path], []) is None
    (tmp_path / "2.py").unlink()
    monkeypatch.setenv("PGSERVICE", "x")
    assert template_key([tmp_path], []) is None


SCHEMA = "create table notes (at timestamptz not null);"
SAMPLE = "insert into notes select now();"


@pytest.mark.parametrize(
    ("view", "is_stopped"),
    [
        ("create view old as select now() - at as age from notes;", True),
        ("create view today as select current_timestamp;", False),
        ("create view old as select age(at) from notes;", False),
    ],
)
def test_rows_do_not_grow_old_unless_something_reads_the_running_clock(
    tmp_path: Path,
    cache: TemplateCache,
    monkeypatch: pytest.MonkeyPatch,
    view: str,
    is_stopped: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    monkeypatch.setattr(throwaway, "usual_cache", lambda: cache)
    migrations, sample = tmp_path / "migrations", tmp_path / "sample.sql"
    migrations.mkdir()
    (migrations / "1.sql").write_text(f"{SCHEMA} {view}")
    sample.write_text(SAMPLE)
    with planning_session(migrations=[migrations], sample=sample, server=None) as made:
        found = made.connection.execute(
            "select at = now() and at = statement_timestamp() from notes"
        ).fetchall()
    assert found == [(is_stopped,)]
    assert bool(list(cache.folder.iterdir())) is is_stopped


def test_two_commands_at_once_make_and_use_it(
    tmp_path: Path, cache: TemplateCache
) -> None:
    for folder in ("queries", "migrations", "notes"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notes/__init__.py").touch()
    (tmp_path / "migrations/1.sql").write_text(SCHEMA)
    (tmp_path / "sample.sql").write_text(SAMPLE)
    (tmp_path / "queries/notes.sql").write_text(
        "-- name: list_new()\n-- A note.\n-- @plan seq_scan public.notes -- few\n"
        "select notes.at from public.notes where notes.at > now();\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        '[tool.authority]\nqueries = "queries"\nmigrations = "migrations"\n'
        'output = "notes"\nsample = "sample.sql"\nplans = "plans.txt"\n'
    )
    command = [sys.executable, "-c", COMMAND, str(cache.folder)]
    for _ in range(2):
        running = [
            subprocess.Popen(
                command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(2)
        ]
        ends = [(*process.communicate(), process.returncode) for process in running]
        assert [end[1:] for end in ends] == [(b"", 0)] * 2
    assert "notes.at > now()" in (tmp_path / "plans.txt").read_text()
    assert len(list(cache.folder.iterdir())) == 1
