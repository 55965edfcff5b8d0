"""`Exporter` and the page of columns: all rows, and no secret."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries import AsyncExporter, Exporter, Settings
from authority_queries.errors import AuthorityError
from authority_queries.service.exports import ExportedLine
from authority_queries.service.migrations import yoyo_url
from tests.erasure.rows import Row
from tests.erasure.world import World, identities
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
PAGE = Path(__file__).parents[2] / "docs" / "personal_data.md"
_ROW = re.compile(r"^\| `(\w+)` \| (.+) \| (.+) \| (.+) \|$", re.M)
_NAME = re.compile(r"`(\w+)`")


def classified() -> dict[str, tuple[set[str], set[str]]]:
    """Return the exported and the withheld columns of each table."""
    return {
        table: (set(_NAME.findall(exported)), set(_NAME.findall(withheld)))
        for table, exported, withheld, _ in _ROW.findall(PAGE.read_text())
    }


@pytest.fixture
def exporter(logins: Logins) -> Iterator[Exporter]:
    settings = Settings(database_url=yoyo_url(logins.reader), pool_max_size=1)
    with Exporter.open(settings) as exporter:
        yield exporter


def without_secrets(rows: list[Row]) -> list[Row]:
    """Return the rows that an export has, with their exported columns."""
    columns = {table: exported for table, (exported, _) in classified().items()}
    return [
        Row(
            row.table,
            {
                name: value
                for name, value in row.columns.items()
                if name in columns[row.table]
            },
        )
        for row in rows
        if row.table != "used_jtis"
    ]


def as_rows(lines: list[ExportedLine]) -> list[Row]:
    return [Row(line.table, dict(line.row)) for line in lines]


def test_each_column_is_exported_or_withheld(dba: Dba) -> None:
    found = dba.execute(
        "select relname::text, attname::text, "
        "has_column_privilege('authority_reader', pg_class.oid, attnum, 'select') "
        "from pg_attribute join pg_class on pg_class.oid = attrelid "
        "where relnamespace = 'authority'::regnamespace and relkind in ('r', 'p') "
        "and not relispartition and attnum > 0 and not attisdropped"
    ).fetchall()
    shared = {"permissions", "system_roles", "system_scopes"}
    catalogue = {row for row in found if row[0] not in shared}
    page = {
        (table, name, is_exported)
        for table, lists in classified().items()
        for names, is_exported in zip(lists, (True, False), strict=True)
        for name in names
    }
    assert catalogue == page
    secret = re.compile(r"hash$|^payload$|^secret|password")
    assert [row for row in page if secret.search(row[1]) and row[2]] == []


@pytest.mark.parametrize("form", ["sync", "async"])
def test_an_export_of_a_tenant_has_every_row_of_it(
    world: World, exporter: Exporter, logins: Logins, form: str
) -> None:
    async def awaited() -> list[ExportedLine]:
        settings = Settings(database_url=yoyo_url(logins.reader), pool_max_size=1)
        async with AsyncExporter.open(settings) as opened:
            return [line async for line in opened.export_tenant(world.own)]

    world.dba.execute("update authority.tenants set status = 'terminated'")
    lines = (
        list(exporter.export_tenant(world.own))
        if form == "sync"
        else asyncio.run(awaited())
    )
    world.dba.execute("set timezone = 'UTC'")
    expected = without_secrets(world.rows_of(world.own))
    assert identities(as_rows(lines)) == identities(expected)
    assert len(lines) == len(expected) > 50
    tables = [line.table for line in lines]
    assert tables[0] == "tenants"
    assert tables.index("users") < tables.index("tokens")


def test_an_export_of_a_user_has_the_rows_about_the_user(
    world: World, exporter: Exporter
) -> None:
    lines = list(exporter.export_user(world.own, world.ann))
    world.dba.execute("set timezone = 'UTC'")
    rows = world.rows_of(world.own)
    expected = [
        row
        for row in world.of_ann(rows)
        # A token of Bob's, and a request that is not exported with its parameters.
        if row.table != "pushed_requests" and row.columns.get("actor") is None
    ]
    expected += [
        row for row in rows if row.table == "license_seats" and row.names(world.names)
    ]
    expected += [row for row in rows if row.columns.get("user_id") == str(world.ann)]
    assert identities(as_rows(lines)) == identities(without_secrets(expected))
    texts = "\n".join(line.to_json() for line in lines)
    assert "bob" not in texts.lower()
    assert "$argon2" not in texts


def test_an_export_reads_page_after_page(world: World, exporter: Exporter) -> None:
    world.dba.execute(
        "insert into authority.login_attempts (tenant_id, username, outcome) "
        "select %s, 'ann', 'failed' from generate_series(1, 2500)",
        (world.own,),
    )
    lines = list(exporter.export_user(world.own, world.ann))
    ids = [line.row["id"] for line in lines if line.table == "login_attempts"]
    stored = [
        row
        for row in world.of_ann(world.rows_of(world.own))
        if row.table == "login_attempts"
    ]
    assert len(ids) == len(set(map(str, ids))) == len(stored) > 2500


def test_an_abandoned_export_returns_its_connection(
    world: World, exporter: Exporter
) -> None:
    lines = exporter.export_tenant(world.own)
    next(lines)
    lines.close()
    assert exporter.find_user(world.own, "Ann") == world.ann
    assert exporter.find_user(world.own, "\0") is None


@pytest.mark.parametrize("role", ["app", "maintenance"])
def test_no_other_role_exports(world: World, logins: Logins, role: str) -> None:
    settings = Settings(database_url=yoyo_url(getattr(logins, role)))
    with (
        pytest.raises(AuthorityError, match="authority_reader"),
        Exporter.open(settings),
    ):
        pytest.fail("it opened")
