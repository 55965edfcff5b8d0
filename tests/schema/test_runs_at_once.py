"""Two runs never apply the same migration, whatever became of yoyo's lock."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
import yoyo

from authority_queries import migrate
from authority_queries.resources import BOOKS, MIGRATIONS
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.forking import in_child
from tests.schema.runs import is_locked, write

pytestmark = pytest.mark.one_version

JOBS = 20


def test_a_run_that_lost_its_lock_cannot_repeat_a_migration(
    conninfo: str, dba: "psycopg.Connection[Any]"
) -> None:
    last = packaged_migrations()[-2:]
    forget = "delete from authority_yoyo._yoyo_migration where migration_id = any(%s)"
    dba.execute(forget, [last])
    url = yoyo_url(conninfo, schema="authority_yoyo")
    with yoyo.get_backend(url) as backend, backend.lock():
        todo = backend.to_apply(yoyo.read_migrations(str(MIGRATIONS)))
        assert migrate(conninfo, break_lock=True) == last
        with pytest.raises(psycopg.Error, match=f"another run has applied {last[0]}"):
            backend.apply_migrations(todo)


def test_of_twenty_jobs_one_applies_and_the_others_wait(
    conninfo: str, dba: "psycopg.Connection[Any]", tmp_path: Path
) -> None:
    names = ["0001_a", "0002_b", "0003_c"]
    for name in names:
        write(tmp_path, name, f"create table public.t_{name} ();select pg_sleep(0.1)")

    def plainly() -> list[str]:
        with yoyo.get_backend(yoyo_url(conninfo, schema="authority_yoyo")) as backend:
            with backend.lock():
                todo = backend.to_apply(yoyo.read_migrations(str(tmp_path)))
                backend.apply_migrations(todo)
            return [migration.id for migration in todo]

    def ours() -> list[str]:
        return migrate(conninfo, folders=[tmp_path])

    jobs = [in_child((plainly, ours)[number % 2]) for number in range(JOBS)]
    applied = [job() for job in jobs]
    assert sorted(applied) == [[]] * (JOBS - 1) + [names]
    assert not is_locked(dba)


def test_every_migration_begins_with_its_own_name() -> None:
    first, second, *others = packaged_migrations()
    assert "begin_migration" not in (MIGRATIONS / f"{first}.sql").read_text()
    for name in (second, *others):
        text = (MIGRATIONS / f"{name}.sql").read_text()
        call = f"call authority.begin_migration('{name}');\n"
        assert text.count("call authority.begin_migration(") == 1, name
        assert call in text, name
        if name != second:
            assert f"role pg_database_owner;\n{call}" in text, name


def test_a_migration_records_sessions_as_migrate_does() -> None:
    text = (BOOKS / "record.sql").read_text()
    block = text[text.index("do $$") :]
    second = packaged_migrations()[1]
    assert block in (MIGRATIONS / f"{second}.sql").read_text()
