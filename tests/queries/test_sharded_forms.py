"""Queries have forms that a sharded PostgreSQL executes too, at no cost here.

Each rule is one that a trial on Citus showed: docs/decisions/0043.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from aiosql.types import SQLOperationType

from authority_queries.codegen.query import Query
from tests.own_queries import own_queries

ALL = own_queries()
_STRING: Final = re.compile(r"'(?:[^']|'')*'")
_PIECE: Final = re.compile(
    r"authority\.clock\(\)|\b(?:case|end|coalesce(?=\s*\())\b|[()]", re.I
)
_DO_UPDATE: Final = re.compile(
    r"\bdo update\s+set\b(.*?)(?=\breturning\b|\)\s*,|\Z)", re.S
)


def code(sql: str) -> str:
    """Return the statement without comments and strings."""
    return _STRING.sub("''", re.sub(r"--.*|/\*.*?\*/", "", sql))


def has_clock_in_choice(query: Query) -> bool:
    """Return whether CASE or COALESCE calls the clock.

    Shards would call it, each at its own time, so it is refused there.
    """
    around: list[str] = []
    for piece in _PIECE.findall(code(query.sql)):
        match piece:
            case "(" if around and around[-1] == "coalesce":
                around.append("(coalesce")
            case "case" | "coalesce" | "(":
                around.append(piece)
            case "end":
                around.pop()
            case ")":
                if around.pop() == "(coalesce":
                    around.pop()
            case _ if {"case", "(coalesce"} & {*around}:
                return True
    return False


def has_clock_in_conflict(query: Query) -> bool:
    """Return whether a conflict's update calls the clock: `excluded` has the time."""
    return any(
        "authority.clock()" in update for update in _DO_UPDATE.findall(code(query.sql))
    )


def counts_conflicts(query: Query) -> bool:
    """Return whether the caller gets the count of an insert with a conflict's action.

    Without `returning` Citus counts the rows that were selected, not those inserted.
    """
    is_count = query.operation == SQLOperationType.INSERT_UPDATE_DELETE
    return (
        is_count
        and "on conflict" in (last := code(query.sql).rpartition("\n\n")[2])
        and "returning" not in last
    )


def has_simple_case(query: Query) -> bool:
    """Return whether CASE compares one value with several: a form Citus refuses."""
    return bool(re.search(r"\bcase\b(?!\s+when\b)", code(query.sql)))


RULES: Final[dict[str, Callable[[Query], bool]]] = {
    "a clock in CASE or COALESCE": has_clock_in_choice,
    "a clock in a conflict's update": has_clock_in_conflict,
    "a count of conflicts": counts_conflicts,
    "a simple CASE": has_simple_case,
}
BROKEN: Final = {
    "a clock in CASE or COALESCE": [
        "select coalesce((:at), authority.clock())",
        "update t set a = case when b then greatest(a, authority.clock()) end",
        "select coalesce(a, (b)) where case when b then authority.clock() end > c",
    ],
    "a clock in a conflict's update": [
        "insert into t values (1) on conflict (a) do update set b = authority.clock()",
        "with x as (insert into t select 1 on conflict (a) do update\n"
        "    set b = 1, c = authority.clock()\n    returning a)\nselect a from x",
    ],
    "a count of conflicts": [
        "insert into t select a from u on conflict (a) do nothing",
        "with x as (select 1)\n\ninsert into t select a from x on conflict do nothing",
    ],
    "a simple CASE": ["select case a when 1 then 2 end"],
}
RIGHT: Final = [
    "select case when b then 1 end, authority.clock(), coalesce(a, 1)",
    "insert into t select a from u on conflict (a) do update set b = excluded.b "
    "returning authority.clock()",
    "select /* q.end */ 'case a end coalesce(' -- case b",
]


@pytest.mark.parametrize("rule", RULES)
def test_no_query_has_a_form_that_shards_refuse(rule: str) -> None:
    found = [f"{query.path.stem}.{query.name}" for query in ALL if RULES[rule](query)]
    assert len(ALL) > 100
    assert found == []


@pytest.mark.parametrize("rule", RULES)
def test_each_form_is_found(rule: str) -> None:
    def with_sql(sql: str) -> Query:
        operation = SQLOperationType.INSERT_UPDATE_DELETE
        return replace(ALL[0], sql=sql, operation=operation)

    assert all(RULES[rule](with_sql(sql)) for sql in BROKEN[rule])
    assert not any(RULES[rule](with_sql(sql)) for sql in RIGHT)
