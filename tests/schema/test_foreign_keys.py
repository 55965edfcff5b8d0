"""A foreign key is a statement of its own, after its table's policy.

A table can then be sharded between the two, and the statement can run again.
"""

import re
from collections.abc import Sequence
from functools import cache

import pytest
import sqlparse

from authority_queries.resources import MIGRATIONS


@cache
def all_statements() -> Sequence[str]:
    """Return the statements of all migrations, without comments."""
    return [
        sqlparse.format(statement, strip_comments=True, reindent=False)
        for path in sorted(MIGRATIONS.glob("*.sql"))
        if ".rollback" not in path.name
        for statement in sqlparse.split(path.read_text())
    ]


_ISOLATED = re.compile(r"call authority\.isolate_tenants\('([\w.]+)'")
_ALTERED = re.compile(r"alter table ([\w.]+)\s")
_CONSTRAINT = re.compile(r"(drop|add) constraint (?:if exists )?(\w+)")


def faults(statements: Sequence[str]) -> list[str]:
    """Return what is wrong with the foreign keys, in order."""
    found = []
    isolated: set[str] = set()
    for statement in statements:
        isolated |= set(_ISOLATED.findall(statement))
        if re.match(r"create table\b", statement) and "references" in statement:
            found.append(f"a foreign key inside: {statement.splitlines()[0]}")
        altered = _ALTERED.match(statement)
        if altered is None or "constraint" not in statement:
            continue
        named = _CONSTRAINT.findall(statement)
        names = list(dict.fromkeys(name for _, name in named))
        if [how for how, _ in named] == ["drop"] and names[0].endswith("_check"):
            continue  # NOT NULL has replaced it
        if named != [(how, name) for name in names for how in ("drop", "add")]:
            found.append(f"not dropped and added: {', '.join(names)}")
        if "foreign key" in statement and altered[1] not in isolated:
            found.append(f"before its policy: {', '.join(names)}")
    return found


def test_each_foreign_key_follows_its_tables_policy_and_can_run_again() -> None:
    assert sum("foreign key" in statement for statement in all_statements()) > 20
    assert faults(all_statements()) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("drop constraint if exists roles_tenant_id_fk,", "", "not dropped and added"),
        ("add constraint roles_tenant_id_fk", "add constraint x", "not dropped"),
        ("isolate_tenants('authority.roles')", "clock()", "before its policy"),
        (
            "constraint roles_tenant_id_name_key unique (tenant_id, name),",
            "constraint roles_tenant_id_fk foreign key (tenant_id) references tenants,",
            "a foreign key inside: create table if not exists authority.roles",
        ),
    ],
)
def test_a_foreign_key_of_another_form_is_found(old: str, new: str, fault: str) -> None:
    assert any(old in statement for statement in all_statements())
    found = faults([statement.replace(old, new) for statement in all_statements()])
    assert len(found) == 1
    assert found[0].startswith(fault)
