"""Which tables and columns are recorded: docs/audit.md has each once."""

import re
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest

Dba: TypeAlias = "psycopg.Connection[Any]"
PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
CATALOGUE = """
    select
        tables.relname::text,
        columns.attname::text,
        triggers.hidden,
        triggers.ignored,
        columns.attnum = any(triggers.watched) or cardinality(triggers.watched) = 0,
        has_column_privilege('authority_reader', tables.oid, columns.attnum, 'select')
    from pg_class as tables
    inner join pg_attribute as columns on tables.oid = columns.attrelid
    left join lateral (
        select
            arguments[2]::text[] as hidden,
            arguments[3]::text[] as ignored,
            pg_trigger.tgattr::smallint[] as watched
        from pg_trigger,
            string_to_array(encode(pg_trigger.tgargs, 'escape'), E'\\\\000')
                as arguments
        where
            pg_trigger.tgrelid = tables.oid
            and pg_trigger.tgfoid = 'authority.record_change'::regproc
    ) as triggers on true
    where
        tables.relnamespace = 'authority'::regnamespace
        and tables.relkind in ('r', 'p')
        and not tables.relispartition
        and columns.attnum > 0
        and not columns.attisdropped
    order by tables.relname, columns.attnum
"""
Columns: TypeAlias = tuple[list[str], list[str], list[str]]


def recorded(dba: Dba) -> dict[str, Columns]:
    """Return the recorded, hidden and ignored columns of each audited table."""
    found: dict[str, Columns] = {}
    for table, column, hidden, ignored, _, _ in dba.execute(CATALOGUE.encode()):
        if hidden is not None:
            lists = found.setdefault(table, ([], [], []))
            lists[1 if column in hidden else 2 if column in ignored else 0].append(
                column
            )
    return found


def rows_of_page(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the page."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    lines = text.partition("\n## ")[0].splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return [row for row in cells[1:] if not row[0].startswith("---")]


def test_every_column_of_an_audited_table_is_documented_as_recorded_or_hidden(
    dba: Dba,
) -> None:
    documented = {
        row[0].strip("`"): tuple(re.findall(r"`(\w+)`", cell) for cell in row[1:])
        for row in rows_of_page("What is recorded")
    }
    assert documented == recorded(dba)


def test_every_other_table_is_documented_with_a_reason(dba: Dba) -> None:
    tables = {row[0] for row in dba.execute(CATALOGUE.encode())}
    documented = [
        name
        for row in rows_of_page("What is not recorded")
        for name in re.findall(r"`(\w+)`", row[0])
    ]
    assert sorted(documented) == sorted(tables - recorded(dba).keys())


SECRET = re.compile("hash|secret|encrypted|private|payload|nonce|code_challenge|salt")


def exposed(dba: Dba) -> set[str]:
    """Return recorded columns that reports may not read, or that look secret."""
    return {
        f"{table}.{column}"
        for table, column, hidden, ignored, _, is_readable in dba.execute(
            CATALOGUE.encode()
        )
        if hidden is not None and column not in {*hidden, *ignored}
        if not is_readable or SECRET.search(column)
    }


def unwatched(dba: Dba) -> set[str]:
    """Return columns whose change is no event although it is not ignored."""
    return {
        f"{table}.{column}"
        for table, column, hidden, ignored, is_watched, _ in dba.execute(
            CATALOGUE.encode()
        )
        if hidden is not None and column not in ignored and not is_watched
    }


def test_no_secret_is_recorded(dba: Dba) -> None:
    assert exposed(dba) == set()


def test_every_recorded_column_is_watched(dba: Dba) -> None:
    assert unwatched(dba) == set()


@pytest.mark.parametrize(
    ("change", "exposes", "hides"),
    [
        (
            "call authority.audit('authority.users')",
            {"users.password_hash"},
            set[str](),
        ),
        (
            "alter table authority.clients add registration_token_hash bytea",
            {"clients.registration_token_hash"},
            set[str](),
        ),
        (
            "alter table authority.client_secrets add note text; "
            "grant select on authority.client_secrets to authority_reader",
            set[str](),
            {"client_secrets.note"},
        ),
        (
            "revoke select on authority.roles from authority_reader; "
            "grant select (tenant_id, id, name, description, is_system, created_at, "
            "updated_at) on authority.roles to authority_reader",
            set[str](),
            set[str](),
        ),
        (
            "revoke select on authority.role_permissions from authority_reader",
            {"role_permissions.role_id", "role_permissions.permission"},
            set[str](),
        ),
    ],
)
def test_a_careless_change_is_found(
    dba: Dba, change: str, exposes: set[str], hides: set[str]
) -> None:
    dba.execute(change.encode())
    assert exposed(dba) == exposes
    assert unwatched(dba) == hides
