"""A release's database, with rows, becomes this release's; older packages go on."""

import shutil
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from authority_queries import Maintenance, Settings, migrate
from authority_queries.cli.demo import run_demo
from authority_queries.codegen.errors import GenerationError
from authority_queries.resources import CHECKSUMS, MIGRATIONS
from authority_queries.service.catalogue import Catalogue, compare, read_catalogue
from authority_queries.service.checksums import checksum_lines, renewed
from authority_queries.service.migration_books import safe_conninfo
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.conftest import Databases, Server
from tests.isolation.matrix.world import OWN, tenant_id
from tests.upgrades.__main__ import main
from tests.upgrades.releases import Release, keep, released, rows_of

NEXT = Path(__file__).parent / "next"


@pytest.fixture(scope="module")
def present(
    all_databases: Databases, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Release:
    """What the present release would leave."""
    folder = tmp_path_factory.mktemp("present")
    with all_databases.copy_of(template) as conninfo:
        return keep(folder, conninfo)


@pytest.fixture(
    scope="module",
    params=[*released(), None],
    ids=[*(release.folder.name for release in released()), "present"],
)
def release(request: pytest.FixtureRequest, present: Release) -> Release:
    """Every release, and what the present one would leave."""
    older: Release | None = request.param
    return older or present


@pytest.fixture
def newer(release: Release, present: Release) -> list[Path]:
    """The migrations of a newer release: for the present one, of an invented one."""
    return [MIGRATIONS, NEXT] if release is present else [MIGRATIONS]


@pytest.fixture
def upgraded(release: Release, newer: list[Path], blank_conninfo: str) -> str:
    """A database that was the release's and has the newer schema."""
    release.migrate(blank_conninfo)
    with psycopg.connect(blank_conninfo, autocommit=True) as dba:
        release.load(dba)
        before = rows_of(dba)
        assert all(before.values()), "a table without rows"
        migrate(blank_conninfo, folders=newer)
        assert_kept(before, rows_of(dba))
    return blank_conninfo


def assert_kept(
    before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]
) -> None:
    """Compare the columns that the older release has."""
    for table, rows in before.items():
        kept = [
            {name: new[name] for name in old}
            for old, new in zip(rows, after[table], strict=True)
        ]
        assert kept == rows, table


def catalogue(conninfo: str) -> Catalogue:
    with closing(psycopg.connect(safe_conninfo(conninfo))) as connection:
        return read_catalogue(connection)


def test_an_upgraded_database_has_its_rows_and_is_as_a_new_one(
    upgraded: str, newer: list[Path], conninfo: str
) -> None:
    migrate(conninfo, folders=newer)
    assert compare(catalogue(conninfo), catalogue(upgraded)) == []
    with Maintenance.open(Settings(database_url=yoyo_url(upgraded))) as maintenance:
        report = maintenance.verify_audit(tenant_id(OWN))
    assert report.is_intact
    assert report.chains


def test_this_package_works_on_an_upgraded_database(
    upgraded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_demo(Settings(database_url=yoyo_url(upgraded)))
    assert "14. " in capsys.readouterr().out


def test_the_queries_of_a_release_return_the_same_types_from_a_newer_schema(
    release: Release, newer: list[Path], server: Server
) -> None:
    expected = release.modules(server.conninfo)
    assert release.modules(server.conninfo, newer) == expected


def test_a_dropped_column_that_a_release_reads_is_an_error(
    present: Release, server: Server, tmp_path: Path
) -> None:
    drop = "set role pg_database_owner;\nalter table authority.users drop display_name;"
    (tmp_path / "9999_contract_users.sql").write_text(drop)
    (tmp_path / "queries").mkdir()
    shutil.copy(present.folder / "queries" / "users.sql", tmp_path / "queries")
    with pytest.raises(GenerationError, match=r"users\.sql.*display_name"):
        Release(tmp_path).modules(server.conninfo, [MIGRATIONS, tmp_path])


def test_a_released_migration_is_kept_and_never_changes_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checksums = Path(shutil.copy(CHECKSUMS, tmp_path))
    call = partial(main, releases=tmp_path / "releases", checksums=checksums)
    assert call(["0.1"]) == 1
    assert call(["0.1.0"]) == 0
    assert call(["0.1.0"]) == 1
    assert "0.1.0 is released" in capsys.readouterr().err
    kept = Release(tmp_path / "releases" / "0.1.0")
    assert kept.last_migration == packaged_migrations()[-1]
    text, lines = checksums.read_text(), checksum_lines()
    assert renewed(text, lines) == (text, [])
    assert renewed(text, lines[1:])[1] == [lines[0].partition("  ")[2]]
