"""`authority check` finds what was changed by hand, and prints SQL that mends it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from authority_queries.cli import main
from authority_queries.cli.check import difference_lines
from authority_queries.resources import CHECKSUMS, MIGRATIONS
from authority_queries.service.catalogue import EXPECTED, expected_catalogue
from authority_queries.service.checksums import (
    MARK,
    changed_files,
    checksum_lines,
    renewed,
)
from authority_queries.service.migration_books import safe_conninfo
from authority_queries.service.migrations import yoyo_url
from authority_queries.service.schema_check import SchemaReport, check_schema
from authority_queries.service.schema_hints import hints
from tests.schema.faults import FAULTS
from tools.snapshot import expected

# No SQL mends these, or SQL alone does not.
UNMENDED: Final = {
    "a dropped table",
    "default privileges",
    "a pending migration",
    "a newer database",
    "a run that was killed",
}
PAGE: Final = MIGRATIONS.parent.parent / "docs" / "checking.md"


@pytest.fixture
def session(conninfo: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(safe_conninfo(conninfo)) as connection:
        # A copy of a database does not have its privileges.
        name = Identifier(connection.info.dbname)
        revoke = SQL("revoke connect on database {} from public")
        connection.execute(revoke.format(name))
        connection.commit()
        yield connection


def lines_of(report: SchemaReport) -> dict[str, str]:
    return {
        each.object: "\n".join(difference_lines(each)) for each in report.differences
    }


def test_the_expected_catalogue_matches_the_migrations(
    session: "psycopg.Connection[Any]",
) -> None:
    assert EXPECTED.read_text(encoding="utf-8") == expected(session), "make snapshot"


def test_a_migrated_database_is_as_the_release(
    session: "psycopg.Connection[Any]",
) -> None:
    assert check_schema(session) == SchemaReport((), ())


def test_every_fault_is_found_and_its_hints_mend_it(
    session: "psycopg.Connection[Any]", figures: list[str]
) -> None:
    missed, left = [], []
    for name, (statements, of, line) in FAULTS.items():
        with session.transaction(force_rollback=True):
            session.execute(statements.encode())
            report = check_schema(session)
            found = lines_of(report)
            if not any(key.startswith(of) and line in found[key] for key in found):
                missed.append((name, found))
            if name not in UNMENDED:
                mend(session, report)
                left += [(name, each) for each in check_schema(session).differences]
    assert not missed
    assert not left
    mended = len(FAULTS) - len(UNMENDED)
    figures.append(
        f"authority check: found {len(FAULTS)} of {len(FAULTS)} faults; "
        f"its hints mend {mended}"
    )


def mend(session: "psycopg.Connection[Any]", report: SchemaReport) -> None:
    """Execute the hints as one transaction, which allows no CONCURRENTLY."""
    for difference in report.differences:
        for hint in hints(difference, expected_catalogue()):
            text = hint.replace(" CONCURRENTLY", "").replace(" concurrently", "")
            session.execute(text.encode())


def test_the_page_lists_every_fault() -> None:
    rows = [
        f"| {name} | {of}: {cell(line)} | 1 |" for name, (_, of, line) in FAULTS.items()
    ]
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("|---|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == rows


def cell(line: str) -> str:
    return f"`{line}`" if line.startswith(("+", "-")) else line


def test_the_command_prints_json_with_hints(
    session: "psycopg.Connection[Any]",
    conninfo: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(conninfo))
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "as the release\n"
    session.execute("grant select on authority.users to public")
    session.commit()
    assert main(["check", "--format", "json", "--fix-hint"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["is_as_released"] is False
    [difference] = printed["differences"]
    assert difference["object"] == "table authority.users"
    assert difference["hints"] == [
        "revoke select on authority.users from PUBLIC;",
    ]
    assert main(["doctor"]) == 1
    assert "authority check" in capsys.readouterr().out


def test_a_check_that_cannot_be_made_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql://u:swordfish@127.0.0.1:1/nowhere"
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", url)
    assert main(["check"]) == 3
    assert "no connection to" in capsys.readouterr().err


def test_the_checksums_match_the_migrations() -> None:
    assert changed_files() == {}, "make checksums"


def test_a_changed_migration_is_found(tmp_path: Path) -> None:
    for file in MIGRATIONS.glob("000*.sql"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "0006_create_tenants.sql").open("a") as opened:
        opened.write("-- by hand\n")
    (tmp_path / "0007_create_roles.sql").unlink()
    (tmp_path / "0099_by_hand.sql").write_text("select 1;\n")
    found = {
        name.rpartition("/")[2]: how for name, how in changed_files(tmp_path).items()
    }
    assert found["0006_create_tenants.sql"] == "changed"
    assert found["0007_create_roles.sql"] == "missing"
    assert found["0099_by_hand.sql"] == "unknown"
    assert "0001_create_schema.sql" not in found


def test_a_released_migration_may_not_change() -> None:
    released = (
        CHECKSUMS.read_text(encoding="utf-8").replace(f"{MARK}\n", "") + f"{MARK}\n"
    )
    lines = checksum_lines()
    assert renewed(released, lines) == (released, [])
    changed = ["0" * 64 + lines[0][64:], *lines[1:], "1" * 64 + "  schema/new.sql"]
    text, broken = renewed(released, changed)
    assert broken == [lines[0].partition("  ")[2]]
    assert text == f"{released}{changed[-1]}\n"
