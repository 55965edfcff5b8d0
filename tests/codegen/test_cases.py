"""`@when`: a row has a class for each case, with columns that are never null."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from authority_queries.codegen.errors import GenerationError
from authority_queries.errors import BrokenPromiseError
from tests.codegen.projects import Project

SCHEMA = """
create schema shop;
create table shop.orders (id bigint primary key, paid_at date, note text);
insert into shop.orders values (1, '2026-01-01', null), (2, null, 'later');
"""
QUERY = """-- name: judge(id)^
-- The state of an order.
-- @row Verdict
-- @when outcome = paid, gift -- id, paid_at
select
    case
        when orders.id is null then 'unknown'
        when orders.paid_at is not null then 'paid'
        when orders.note = 'gift' then 'gift'
        else 'open'
    end as outcome,
    orders.id,
    orders.paid_at,
    orders.note
from (values (:id::bigint)) as asked (id)
left join shop.orders on asked.id = orders.id;
"""
LIST = QUERY.replace("judge(id)^", "judge_all(id)")
CALLER = """
from datetime import date

from psycopg import Connection
from {package} import queries
from {package}.queries import orders
from {package}.records import Verdict

def paid(connection: Connection[object]) -> date | None:
    verdict: Verdict = orders.judge(connection, id=1)
    if verdict.outcome == "paid":
        day: date = verdict.paid_at
        return day
    return verdict.paid_at
"""
WRONG = CALLER.replace('verdict.outcome == "paid"', 'verdict.outcome == "open"')


def test_each_case_has_a_class_that_a_checker_narrows_to(
    tmp_path: Path, blank_conninfo: str
) -> None:
    files = {"orders": QUERY + LIST}
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, files).generate()
    orders, records = project.module("queries.orders"), project.module("records")
    with psycopg.connect(blank_conninfo) as connection:
        paid = orders.judge(connection, id=1)
        (opened,) = orders.judge_all(connection, id=2)
        with orders.judge_all_stream(connection, id=3) as stream:
            (unknown,) = stream
    assert type(paid) is records.VerdictPaid
    assert type(opened) is type(unknown) is records.VerdictOtherwise
    assert (paid.outcome, opened.note, unknown.id) == ("paid", "later", None)
    (tmp_path / "right.py").write_text(CALLER.format(package=project.package))
    (tmp_path / "wrong.py").write_text(WRONG.format(package=project.package))
    said = project.mypy("right.py", "wrong.py")
    assert "right.py" not in said
    assert (
        "wrong.py:12: error: Incompatible types in assignment (expression has" in said
    )
    assert project.ruff("check") == "All checks passed!\n"


def test_a_null_that_a_case_excludes_raises_an_error(
    tmp_path: Path, blank_conninfo: str
) -> None:
    files = {"orders": QUERY.replace("-- id, paid_at", "-- id, paid_at, note")}
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, files).generate()
    orders = project.module("queries.orders")
    said = r"orders\.judge: note is null against its @when, in the case paid"

    async def judge() -> None:
        async with await psycopg.AsyncConnection.connect(blank_conninfo) as connection:
            await orders.judge_async(connection, id=1)

    with psycopg.connect(blank_conninfo) as connection:
        assert orders.judge(connection, id=2).note == "later"
        with pytest.raises(BrokenPromiseError, match=said):
            orders.judge(connection, id=1)
    with pytest.raises(BrokenPromiseError, match=said):
        asyncio.run(judge())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("-- @row Verdict\n", ""), "needs a @row"),
        (("outcome = paid", "state = paid"), "state must be a column with known"),
        (("outcome = paid", "note = paid"), "note must be a column with known values"),
        (("paid, gift --", "paid, lost --"), "outcome is never lost; it is gift, open"),
        (("paid, gift --", "paid, paid --"), "outcome = paid is in two cases"),
        (("-- id, paid_at", "-- id, price"), "names price; there are: outcome, id"),
        (("-- id, paid_at", "-- id, outcome"), "changes nothing: outcome is never"),
        (
            ("id, paid_at\n", "id\n-- @when note = x -- id\n"),
            "uses one column",
        ),
    ],
)
def test_an_impossible_case_is_refused(
    change: tuple[str, str], said: str, tmp_path: Path, blank_conninfo: str
) -> None:
    files = {"orders": QUERY.replace(*change)}
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, files)
    with pytest.raises(GenerationError, match=said):
        project.render()


def test_queries_of_one_row_have_the_same_cases(
    tmp_path: Path, blank_conninfo: str
) -> None:
    other = LIST.replace("-- id, paid_at", "-- id")
    project = Project.make(tmp_path, blank_conninfo, SCHEMA, {"orders": QUERY + other})
    with pytest.raises(GenerationError, match="their @when differ"):
        project.render()
