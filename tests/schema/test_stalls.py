"""How long lookups of tokens wait while migrations are applied."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import migrate
from authority_queries.errors import MigrationError
from authority_queries.queries import tokens
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import packaged_migrations
from tests.schema.live_faults import HEAD
from tests.schema.live_rules import LONGEST_WAIT
from tests.upgrades.releases import Release, released

pytestmark = pytest.mark.one_version

MARGIN: Final = 0.05  # seconds
LOCK_TIMEOUT: Final = 0.5
[VERIFYING] = [one for one in packaged_migrations() if "find_live_token" in one]
READING: Final = 1.2
ADD: Final = "alter table authority.tokens add column if not exists note text;\n"


class Lookups:
    """Executes a query again and again, and keeps the longest time that it took."""

    def __init__(self, conninfo: str, query: Callable[[Any], object]) -> None:
        self.count = 0
        self.longest = 0.0
        self._conninfo = make_conninfo(conninfo, options="-c role=authority_app")
        self._query = query
        self._over = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> "Lookups":
        self._thread.start()
        while not self.count:
            assert self._thread.is_alive()
            sleep(0.001)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            self._query(connection)
            while not self._over.is_set():
                begun = monotonic()
                self._query(connection)
                self.longest = max(self.longest, monotonic() - begun)
                self.count += 1
                sleep(0.002)


def verify(connection: Any) -> object:
    return tokens.verify_by_token(
        connection,
        tenant_id=uuid4(),
        token_hash=bytes(32),
        type="access",
        resource=None,
    )


def idle(connection: Any) -> object:
    return connection.execute("select 1").fetchall()


@contextmanager
def lookups(conninfo: str) -> Iterator[tuple[Lookups, Lookups]]:
    """Look tokens up during the block, and send what locks no table, for comparison.

    A busy machine delays both.
    """
    with Lookups(conninfo, verify) as found, Lookups(conninfo, idle) as compared:
        yield found, compared


def shown(what: str, found: Lookups, compared: Lookups) -> str:
    return (
        f"{what}: the longest of {found.count:,} lookups took "
        f"{1000 * found.longest:.0f} ms (`select 1`: {1000 * compared.longest:.0f} ms)"
    )


@pytest.mark.parametrize(
    "release", [None, *released()[-1:]], ids=lambda one: one and one.folder.name
)
def test_lookups_go_on_while_all_later_migrations_are_applied(
    release: Release | None, blank_conninfo: str, tmp_path: Path, figures: list[str]
) -> None:
    """From the migration that lets tokens be verified, and from a release with rows."""
    names = packaged_migrations()
    last = release.last_migration if release else VERIFYING
    first = [name for name in names if name <= last]
    for name in first:
        shutil.copy(MIGRATIONS / f"{name}.sql", tmp_path)
    migrate(blank_conninfo, folders=[tmp_path])
    if release is not None:
        with psycopg.connect(blank_conninfo, autocommit=True) as dba:
            release.load(dba)
    with lookups(blank_conninfo) as (found, compared):
        applied = migrate(blank_conninfo)
    assert [*first, *applied] == names
    figures.append(shown(f"{len(applied)} migrations", found, compared))
    # No migration waits longer for a lock. The printed figure is far below, but a busy
    # machine may delay any lookup.
    assert found.longest <= LONGEST_WAIT / 1000 + MARGIN


@contextmanager
def long_reader(conninfo: str) -> Iterator[None]:
    """Read tokens in a transaction that ends after `READING` seconds."""

    def read() -> None:
        with psycopg.connect(conninfo) as connection:
            connection.execute("select from authority.tokens limit 1")
            reading.set()
            sleep(READING)

    reading = Event()
    reader = Thread(target=read)
    reader.start()
    assert reading.wait(10)
    yield
    reader.join()


def apply(conninfo: str, folder: Path) -> list[str]:
    """Migrate as a release job does that begins again after a failure."""
    end = monotonic() + 30
    while True:
        try:
            return migrate(conninfo, folders=[MIGRATIONS, folder])
        except MigrationError:
            assert monotonic() < end
            sleep(0.1)


@pytest.mark.parametrize("limit", [LOCK_TIMEOUT, 0], ids=["a limit", "no limit"])
def test_a_lookup_behind_a_long_reader_stalls_for_lock_timeout(
    limit: float, conninfo: str, tmp_path: Path, figures: list[str]
) -> None:
    text = HEAD.replace("'2s'", f"'{limit}s'")
    (tmp_path / "9999_note_tokens.sql").write_text(text + ADD)
    with lookups(conninfo) as (found, compared), long_reader(conninfo):
        assert apply(conninfo, tmp_path) == ["9999_note_tokens"]
    what = f"a reader of {READING} s and lock_timeout = {limit} s"
    figures.append(shown(what, found, compared))
    if limit:
        assert found.longest < (limit + READING) / 2  # with room for a busy machine
    else:  # the measurement sees a stall
        assert found.longest > READING / 2
