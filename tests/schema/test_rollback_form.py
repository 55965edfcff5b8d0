"""The form of a rollback: its guard, and no loss of rows without one."""

import re
from typing import Final

import pytest
import sqlparse
from yoyo.migrations import read_sql_migration

from authority_queries.resources import MIGRATIONS

pytestmark = pytest.mark.one_version

IDS: Final = sorted(
    path.stem for path in MIGRATIONS.glob("*.sql") if ".rollback" not in path.name
)
GUARDS: Final = next(name for name in IDS if name.endswith("_guard_rollbacks"))
HEAD: Final = (
    "set local search_path = pg_catalog;",
    "set local lock_timeout = '2s';",
    "set local statement_timeout = '60s';",
    "set local role pg_database_owner;",
)
DROP: Final = "call authority.drop_tables("
# What a rollback may not do outside of authority.drop_tables. Migrations alone write
# the permissions and the templates.
LOSS: Final = re.compile(r"\b(drop table|truncate|delete from|cascade)\b")
TEMPLATES: Final = {
    "drop table if exists authority.permissions;",
    "delete from authority.system_scopes;",
    "delete from authority.system_roles;",
}


def statements_of(name: str) -> list[str]:
    """Return the statements of a rollback, in the order in which yoyo runs them."""
    _, _, found = read_sql_migration(str(MIGRATIONS / f"{name}.rollback.sql"))
    return [sqlparse.format(text, strip_comments=True).strip() for text in found]


def dropped_tables(name: str) -> list[str]:
    """Return the tables that a rollback drops if they have no rows."""
    calls = [text for text in statements_of(name) if text.startswith(DROP)]
    return [table for text in calls for table in re.findall(r"'(\w+)'", text)[1:]]


def is_transactional(name: str) -> bool:
    directives, _, _ = read_sql_migration(str(MIGRATIONS / f"{name}.sql"))
    return bool(directives.get("transactional", "true") == "true")


def faults(name: str, statements: list[str], *, is_one: bool = True) -> list[str]:
    """Return what is wrong with the form of a rollback.

    `is_one` is whether it is one transaction, in which settings are local.
    """
    found = []
    head = [text if is_one else text.replace("set local", "set") for text in HEAD]
    if statements[:4] != head:
        found.append("another head")
    guard = f"call authority.guard_rollback('{name}');"
    if name > GUARDS and statements[4:5] != [guard]:
        found.append("no guard")
    for text in statements:
        if LOSS.search(text) and text not in TEMPLATES:
            found.append("a loss")
        if text.startswith(DROP) and text[len(DROP) :].split("'")[1] != name:
            found.append("another name")
    return found


@pytest.mark.parametrize("name", IDS)
def test_a_rollback_begins_with_its_guard(name: str) -> None:
    is_one = is_transactional(name)
    assert faults(name, statements_of(name), is_one=is_one) == []


def test_a_rollback_without_a_transaction_sets_its_session() -> None:
    name = "0007_create_roles"
    changed = [text.replace("set local", "set") for text in statements_of(name)]
    assert faults(name, changed, is_one=False) == []
    assert faults(name, statements_of(name), is_one=False) == ["another head"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("'2s'", "'0'", "another head"),
        ("guard_rollback('0007_create_roles')", "clock()", "no guard"),
        ("guard_rollback('0007", "guard_rollback('0006", "no guard"),
        ("authority.permissions;", "authority.roles;", "a loss"),
        ("'0007_create_roles', ", "'0006_create_tenants', ", "another name"),
    ],
)
def test_a_rollback_of_another_form_is_found(old: str, new: str, fault: str) -> None:
    name = "0007_create_roles"
    changed = [text.replace(old, new) for text in statements_of(name)]
    assert changed != statements_of(name)
    assert faults(name, changed) == [fault]
