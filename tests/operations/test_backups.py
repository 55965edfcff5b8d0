"""A database that is restored or upgraded as docs/backups.md says is as before."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Store
from authority_queries.cli import main
from authority_queries.service.catalogue import expected_catalogue
from authority_queries.service.migrations import migrate, yoyo_url
from authority_queries.service.schema_check import check_database
from authority_queries.service.schema_hints import hints
from tests.conftest import server_folder
from tests.factories import make_pushed_request
from tests.operations.backups import (
    DEBIANS_15,
    Place,
    copy_files,
    digests,
    execute,
    fill,
    new_place,
    programs_18,
)
from tests.repositories.grant_helpers import (
    Grant,
    is_alive,
    make_code,
    make_grant,
    make_party,
    redeem_code,
)
from tests.stores import routed_store

AS_RELEASED: Final = "as the release\n"
FAR: Final = 1_000_000_000  # how far schema/after_restore.sql moves a feed
# Debian's PostgreSQL 15 stores a version for each column. See docs/backups.md.
_FORGET_VERSIONS: Final = """
set allow_system_table_mods = on;
update pg_attribute
set attoptions = nullif(
    array(
        select each from unnest(attoptions) as each where each not like 'pg_attver=%'
    ),
    '{}'
)
where attoptions is not null
"""

SourceOf = Callable[[int], Place]
Target = Callable[[int], Place]


def programs(version: int) -> Path:
    return programs_18() if version == 18 else DEBIANS_15


def need_15(figures: list[str], what: str) -> None:
    if not DEBIANS_15.exists():
        figures.append(f"{what}: did not run, because {DEBIANS_15} is missing")
        pytest.skip("PostgreSQL 15 is missing")  # -- because it is no Python package


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with server_folder() as folder:
        folder.chmod(0o711)
        yield folder


@pytest.fixture(scope="module")
def source_of(folder: Path) -> Iterator[SourceOf]:
    """Return a server of this version with an authority, and a backup of it."""
    with ExitStack() as stack:

        @cache
        def source(version: int) -> Place:
            place = new_place(folder / f"from-{version}", programs(version))
            source = stack.enter_context(place)
            fill(source)
            source.run("Back up", login="auth_backup")
            digests(source)
            return source

        yield source


@pytest.fixture
def target(folder: Path, numbers: "count[int]") -> Iterator[Target]:
    """Start a server of this version without the roles of an authority."""
    with ExitStack() as stack:

        def start(version: int) -> Place:
            place = new_place(folder / f"to-{next(numbers)}", programs(version))
            return stack.enter_context(place)

        yield start


@pytest.fixture(scope="module")
def numbers() -> "count[int]":
    return count()


@pytest.fixture(scope="module")
def restored(folder: Path, source_of: SourceOf) -> Iterator[Place]:
    """A server of PostgreSQL 18 to which the backup was restored."""
    with new_place(folder / "restored", programs_18()) as place:
        restore(source_of(18), place)
        yield place


def restore(source: Place, place: Place) -> None:
    copy_files(source, place)
    assert AS_RELEASED in place.run("Restore")


def assert_is_whole(place: Place, source: Place) -> None:
    """Assert that rows, feeds and catalogue are as in the source."""
    assert digests(place) == (source.files / "digests.txt").read_text()
    with psycopg.connect(place.conninfo()) as connection:
        feeds = connection.execute(
            "select max(revocations.sequence), revocation_sequences.last_sequence "
            "from authority.revocation_sequences "
            "inner join authority.revocations using (tenant_id) "
            "group by tenant_id, last_sequence"
        ).fetchall()
    assert feeds
    assert migrate(place.conninfo("auth_deploy")) == []
    assert [newest for newest, _ in feeds] == [last for _, last in feeds]


def assert_demo_runs(place: Place) -> None:
    place.execute("authority demo")
    assert place.execute("authority check") == AS_RELEASED


def test_a_restored_database_is_as_before(
    source_of: SourceOf, restored: Place, figures: list[str]
) -> None:
    assert_is_whole(restored, source_of(18))
    assert_demo_runs(restored)
    figures.append("restore from PostgreSQL 18 to 18: 0 differences")


@pytest.mark.parametrize("new", [15, 18])
def test_a_database_of_15_is_as_before_when_it_is_restored(
    source_of: SourceOf, target: Target, figures: list[str], new: int
) -> None:
    need_15(figures, f"restore from PostgreSQL 15 to {new}")
    source, place = source_of(15), target(new)
    restore(source, place)
    assert_is_whole(place, source)
    if new == 18:  # the source is a 15, on which the demo has run
        assert_demo_runs(place)
    figures.append(f"restore from PostgreSQL 15 to {new}: 0 differences")


def test_an_upgraded_server_is_as_before(
    source_of: SourceOf, folder: Path, figures: list[str]
) -> None:
    need_15(figures, "pg_upgrade from PostgreSQL 15 to 18")
    source = source_of(15)
    for name in ("postgres", "template1", "authority"):
        execute(source.conninfo(database=name), _FORGET_VERSIONS)
    source.shut_down()
    with new_place(folder / "upgraded", programs_18(), is_made=False) as place:
        copy_files(source, place)
        place.make_from(source, "Upgrade PostgreSQL")
        place.cluster.start("-F")
        assert AS_RELEASED in place.run("Upgrade PostgreSQL", block=1)
        assert_is_whole(place, source)
        assert_demo_runs(place)
    figures.append("pg_upgrade from PostgreSQL 15 to 18: 0 differences")


def test_a_restore_without_roles_stops_and_is_never_green(
    source_of: SourceOf,
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = target(18)
    copy_files(source_of(18), place)
    command = "pg_restore --create --exit-on-error --dbname=postgres authority.dump"
    stopped = place.shell(command)
    assert stopped.returncode == 1
    assert 'role "auth_deploy" does not exist' in stopped.stderr
    place.execute("dropdb authority")
    ignored = place.shell(command.replace("--exit-on-error ", ""))
    assert re.search(r"errors ignored on restore: \d{3}", ignored.stderr)

    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(place.conninfo()))
    advice = "restore the database again: docs/backups.md"
    assert main(["doctor"]) == 1
    assert advice in capsys.readouterr().out
    assert main(["demo"]) == 1
    assert "restore it again: docs/backups.md" in capsys.readouterr().err
    mend(place.conninfo())
    assert check_database(place.conninfo()).differences == ()


def mend(conninfo: str) -> None:
    """Execute the hints, as a DBA whose dump is gone."""
    expected = expected_catalogue()
    for difference in check_database(conninfo).differences:
        for hint in hints(difference, expected):
            execute(conninfo, hint)


def test_a_database_of_another_name_is_complete_after_bootstrap(
    restored: Place,
) -> None:
    restored.run("Restore under another name")
    copy = restored.conninfo(database="authority_copy")
    assert check_database(copy).differences == ()
    psycopg.connect(make_conninfo(copy, user="auth_service")).close()
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(make_conninfo(copy, user="auth_report"))
    assert migrate(make_conninfo(copy, user="auth_deploy")) == []
    with psycopg.connect(make_conninfo(copy, user="auth_deploy")) as migrator:
        [(path,)] = migrator.execute("show search_path").fetchall()
    assert path == "authority_yoyo"


def test_the_owner_of_a_database_restores_into_it(restored: Place) -> None:
    restored.execute("createdb --template=template0 --owner=auth_deploy by_owner")
    restored.execute(
        "pg_restore --exit-on-error --single-transaction --dbname=by_owner "
        "authority.dump",
        login="auth_deploy",
    )
    found = check_database(restored.conninfo(database="by_owner")).differences
    assert [each.unexpected for each in found] == [("PUBLIC: connect",)]


@pytest.mark.parametrize(
    ("login", "options", "code", "said"),
    [
        ("auth_deploy", "", 1, "would be affected by row-level security policy"),
        (
            "postgres",
            "--role=auth_deploy",
            1,
            "would be affected by row-level security policy",
        ),
        ("auth_service", "--enable-row-security", 1, "permission denied"),
        ("auth_operator", "", 1, "permission denied"),
        ("auth_report", "", 1, "permission denied"),
        ("auth_deploy", "--enable-row-security", 0, ""),
    ],
)
def test_only_a_login_that_bypasses_row_security_dumps_all_rows(
    source_of: SourceOf, login: str, options: str, code: int, said: str
) -> None:
    source = source_of(18)
    done = source.shell(f"pg_dump {options} --file=partial.sql authority", login)
    assert done.returncode == code
    assert said in done.stderr
    if code == 0:
        text = (source.files / "partial.sql").read_text()
        copied = text.partition("\nCOPY authority.users ")[2].partition("\n")[2]
        assert copied.startswith("\\.\n")


def test_a_digest_changes_with_a_row(restored: Place) -> None:
    before = digests(restored).splitlines()
    execute(
        restored.conninfo(),
        "update authority.users set display_name = 'Eve' where username = "
        "(select min(username) from authority.users)",
    )
    after = digests(restored).splitlines()
    changed = {new for old, new in zip(before, after, strict=True) if old != new}
    assert {line.partition("|")[0] for line in changed} >= {"authority.users"}
    assert len(changed) < 4  # the user, and what the audit records
    refused = restored.shell(
        "psql -X -q --file=schema/digests.sql authority", "auth_deploy"
    )
    assert refused.returncode == 3


@pytest.fixture
def earlier(restored: Place, folder: Path) -> Iterator[Place]:
    """A copy of the restored server, which has not been started."""
    with new_place(folder / "earlier", programs_18(), is_made=False) as place:
        place.make_from(restored, "Physical backups")
        yield place


def test_a_restore_to_an_earlier_moment_brings_nothing_back(
    restored: Place, earlier: Place
) -> None:
    with routed_store(restored.logins()) as store:
        party = make_party(store)
        tenant = party.tenant_id
        grant, code = make_grant(store, party), make_code(store, party)
        make_pushed_request(store, party.client)
        execute(restored.conninfo(), "select pg_create_restore_point('before')")
        end(store, grant)
        assert redeem_code(store, party, code).outcome == "redeemed"
        position = store.revocations.get_position(tenant_id=tenant)
        assert position == 1
    earlier.recover(restored, "before")
    with routed_store(earlier.logins()) as store:
        back = [grant.access, grant.refresh, code]
        assert [is_alive(store, each) for each in back] == [True] * 3
        assert store.revocations.get_position(tenant_id=tenant) == 0
        earlier.run("A restore to an earlier moment")
        assert [is_alive(store, each) for each in back] == [False] * 3
        [entry] = store.revocations.list_since(tenant_id=tenant, sequence=position)
        assert (entry.category, entry.target) == ("tenant", str(tenant))
        assert entry.sequence == FAR + 1
        again = make_grant(store, party)
        assert is_alive(store, again.access)
        end(store, again)
        assert store.revocations.get_position(tenant_id=tenant) == FAR + 2
    with psycopg.connect(earlier.conninfo()) as dba:
        left = dba.execute("select from authority.pushed_requests").fetchall()
    assert left == []
    assert earlier.execute("authority check") == AS_RELEASED


def end(store: Store, grant: Grant) -> None:
    assert store.authorizations.revoke(
        tenant_id=grant.tenant_id, authorization_id=grant.family_id, reason="stolen"
    )
