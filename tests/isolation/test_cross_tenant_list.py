"""The committed list of queries and tables without a tenant matches the query files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from authority_queries.codegen.query import Query
from tests.own_queries import own_queries

LIST = Path(__file__).resolve().parents[2] / "docs" / "cross_tenant_queries.md"
ALL = own_queries()
SERVICES = "authority_app"
SAY_WHY = "SAY WHY"

_QUERY = re.compile(r"^\| `(\w+\.\w+)` \| `(\w+)` \| (.+) \|$", re.M)
_TABLE = re.compile(r"^\| `(\w+)` \| (.+) \|$", re.M)


def line_of(name: str, role: str, reason: str) -> str:
    return f"| `{name}` | `{role}` | {reason} |"


def is_cross_tenant(query: Query) -> bool:
    return (
        "tenant_id" not in query.parameters
        or bool(_tagged_reason(query))
        or (query.tags.role or SERVICES) != SERVICES
    )


def _tagged_reason(query: Query) -> str | None:
    """Return the reason in the query's own tag, if it has one."""
    return next(
        (
            exception.reason
            for exception in query.tags.plans
            if exception.permitted.split()[0] == "cross_tenant"
        ),
        None,
    )


def lines_to_have(queries: Sequence[Query], reasons: Mapping[str, str]) -> list[str]:
    """Return the list in the files' order; it has the reasons that no tag has."""
    return [
        line_of(
            name,
            query.tags.role or SERVICES,
            _tagged_reason(query) or reasons.get(name, SAY_WHY),
        )
        for query in queries
        if is_cross_tenant(query)
        for name in [f"{query.path.stem}.{query.name}"]
    ]


def differences(queries: Sequence[Query], text: str) -> list[str]:
    """Return the lines to remove from the list (-), and those to add (+)."""
    found = _QUERY.findall(text)
    there = [line_of(*each) for each in found]
    wanted = lines_to_have(queries, {name: reason for name, _, reason in found})
    return [
        *(f"- {line}" for line in there if line not in wanted),
        *(f"+ {line}" for line in wanted if line not in there or SAY_WHY in line),
    ]


def test_the_list_contains_every_query_without_one_tenant() -> None:
    assert differences(ALL, LIST.read_text()) == []


def test_a_query_without_a_tenant_must_be_listed_with_a_reason() -> None:
    query = next(
        query for query in ALL if query.place.endswith("users.sql:1 get_by_id")
    )
    changed = [*ALL, replace(query, name="get_any", parameters=("user_id",))]
    added = line_of("users.get_any", SERVICES, SAY_WHY)
    text = LIST.read_text()
    assert differences(changed, text) == [f"+ {added}"]
    assert differences(changed, f"{text}\n{added}\n") == [f"+ {added}"]
    reasoned = added.replace(SAY_WHY, "Looks everywhere.")
    assert differences(changed, f"{text}\n{reasoned}\n") == []


def test_a_changed_query_file_changes_the_list() -> None:
    tokens = [query for query in ALL if query.path.stem == "tokens"]
    pruning = next(query for query in tokens if query.name == "prune_expired")
    others = [query for query in ALL if query is not pruning]
    reason = "The statement prunes for all tenants at once."
    line = line_of("tokens.prune_expired", "authority_maintenance", reason)
    assert differences(others, LIST.read_text()) == [f"- {line}"]
    handed_over = replace(pruning, tags=replace(pruning.tags, role="authority_reader"))
    assert differences([*others, handed_over], LIST.read_text()) == [
        f"- {line}",
        f"+ {line_of('tokens.prune_expired', 'authority_reader', reason)}",
    ]


def test_the_list_contains_every_table_without_a_tenant(
    dba: "psycopg.Connection[Any]",
) -> None:
    listed = {name for name, _ in _TABLE.findall(LIST.read_text())}
    assert shared_tables(dba) == listed
    dba.execute("create table authority.news (id uuid)")
    assert shared_tables(dba) == {*listed, "news"}


def shared_tables(dba: "psycopg.Connection[Any]") -> set[str]:
    found = dba.execute(
        """
        select pg_class.relname
        from pg_class
        where
            pg_class.relnamespace = 'authority'::regnamespace
            and pg_class.relkind in ('r', 'p')
            and not exists (
                select from pg_attribute
                where
                    pg_attribute.attrelid = pg_class.oid
                    and pg_attribute.attname = 'tenant_id'
                    and not pg_attribute.attisdropped
            )
        """
    )
    return {name for (name,) in found}
