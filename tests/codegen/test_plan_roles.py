"""Each query is explained as the role that executes it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.plans.check import PlanSettings
from tests.codegen.plan_reports import found, plan_settings, plans_of, report_on

pytestmark = pytest.mark.one_version

SCHEMA = """
create schema shop;
create table shop.notes (tenant_id int, id int, primary key (tenant_id, id));
alter table shop.notes enable row level security;
create policy notes_tenant on shop.notes
using (tenant_id = (select current_setting('shop.tenant', true)::int));
"""
ROLES = """
create role shop_reader;
grant usage on schema shop to shop_reader;
grant select on shop.notes to shop_reader;
"""
PURGE = """
create function shop.purge() returns int language sql volatile return 1;
revoke execute on function shop.purge() from public;
"""
SAMPLE = """
insert into shop.notes select 1 + n % 20, n from generate_series(1, 20000) as n;
"""
BY_ID = "select id from shop.notes where tenant_id = :tenant_id and id = :id;"
DELETE = "delete from shop.notes where tenant_id = :tenant_id and id = :id;"


@pytest.fixture
def settings(tmp_path: Path, embedded: str) -> Iterator[PlanSettings]:
    """A check leaves no role behind, except those of migrations."""
    settings = plan_settings(tmp_path, embedded, SCHEMA, SAMPLE)
    with psycopg.connect(embedded, autocommit=True) as connection:
        before = roles(connection)
        try:
            yield settings
            assert roles(connection) - {"shop_reader"} == before
        finally:
            connection.execute("drop role if exists shop_reader")


def roles(connection: psycopg.Connection[tuple[object, ...]]) -> set[object]:
    rows = connection.execute("select rolname from pg_roles")
    return {name for (name,) in rows}


def refusal(settings: PlanSettings, *queries: str) -> str:
    with pytest.raises(GenerationError) as caught:
        report_on(settings, *queries)
    return str(caught.value)


def test_each_query_is_planned_as_its_own_role(settings: PlanSettings) -> None:
    report = report_on(
        settings,
        f"mine(tenant_id, id)^ | @role shop_support | {BY_ID}",
        f"usual(tenant_id, id)^ | {BY_ID}",
        f"other(tenant_id, id)! | @role shop_desk | {DELETE}",
    )
    assert (
        plans_of(report)
        == """\
notes.mine
    as shop_support
    Result
        One-Time Filter: the session's tenant = :tenant_id
     -> Index Only Scan using notes_pkey on shop.notes
            Index Cond: notes.tenant_id = :tenant_id
                and notes.id = :id

notes.usual
    Index Only Scan using notes_pkey on shop.notes
        Index Cond: notes.tenant_id = :tenant_id
            and notes.id = :id

notes.other
    as shop_desk
    Delete on shop.notes
     -> Result
            One-Time Filter: the session's tenant = :tenant_id
         -> Index Scan using notes_pkey on shop.notes
                Index Cond: notes.tenant_id = :tenant_id
                    and notes.id = :id
"""
    )
    assert report.findings == ()


def test_a_query_may_be_executed_by_the_login(settings: PlanSettings) -> None:
    report = report_on(
        replace(settings, role="shop_service"),
        f"usual(tenant_id, id)^ | {BY_ID}",
        f"of_owner(tenant_id, id)^ | @role none | {BY_ID}",
    )
    usual, of_owner = plans_of(report).split("\n\n")
    assert "the session's tenant" in usual
    assert "as who connects\n    Index Only Scan" in of_owner


def test_a_role_that_lacks_a_privilege_is_an_error(settings: PlanSettings) -> None:
    (settings.migrations[0] / "0002_roles.sql").write_text(ROLES)
    message = refusal(
        replace(settings, role="shop_service"),
        f"one(tenant_id, id)^ | @role shop_reader | {BY_ID}",
        f"remove(tenant_id, id)! | @role shop_reader | {DELETE}",
    )
    assert message == (
        "queries/notes.sql:9:1: PostgreSQL says to shop_reader: "
        "permission denied for table notes"
    )


def test_a_function_that_the_role_may_not_execute_is_an_error(
    settings: PlanSettings,
) -> None:
    (settings.migrations[0] / "0002_roles.sql").write_text(ROLES + PURGE)
    purge = "purge()$ | @role shop_reader | select shop.purge() as purged;"
    assert refusal(settings, purge).endswith(
        "says to shop_reader: permission denied for function purge"
    )


def test_an_impossible_role_is_an_error(settings: PlanSettings) -> None:
    message = refusal(settings, f"one(tenant_id, id)^ | @role pg_desk | {BY_ID}")
    assert message == (
        "queries/notes.sql:4:1: PostgreSQL says to pg_desk: "
        'role name "pg_desk" is reserved'
    )


def test_a_tag_with_the_default_role_is_found(settings: PlanSettings) -> None:
    queries = (
        f"one(tenant_id, id)^ | @role shop_service | {BY_ID}",
        "rebuild()# | @role shop_service | reindex table shop.notes;",
        f"of_owner(tenant_id, id)^ | @role none | {BY_ID}",
    )
    report = report_on(replace(settings, role="shop_service"), *queries)
    said = "@role shop_service: the role of all queries"
    assert found(report) == [("one", said), ("rebuild", said)]
    said = "@role none: the role of all queries"
    assert found(report_on(settings, *queries)) == [("of_owner", said)]
