"""Row-level security in plans: it is short, and replaces no condition of a query.

A policy binds every scan to the session's tenant. The check asks whether the query
itself binds it too.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.plans.check import PlanSettings
from tests.codegen.plan_reports import found, plan_settings, plans_of, report_on

pytestmark = pytest.mark.one_version

SCHEMA = """
create schema shop;
create function shop.current_tenant() returns int language plpgsql stable
as $$ begin return current_setting('shop.tenant', true)::int; end $$;
create table shop.tenants (id int primary key, code text not null unique);
create table shop.notes (
    tenant_id int not null references shop.tenants (id),
    id int not null,
    owner int,
    body text,
    primary key (tenant_id, id)
);
create index notes_tenant_id_owner_idx on shop.notes (tenant_id, owner);
create table shop.drafts (tenant_id int not null, title text);
create index drafts_tenant_id_idx on shop.drafts (tenant_id);
create table shop.events (
    tenant_id int not null, at date not null, note text, primary key (tenant_id, at)
) partition by range (at);
create table shop.events_2025_01 partition of shop.events
for values from ('2025-01-01') to ('2025-02-01');
create table shop.events_2025_02 (
    note text, at date not null, tenant_id int not null
);
alter table shop.events attach partition shop.events_2025_02
for values from ('2025-02-01') to ('2025-04-01');
create table shop.moves (of_tenant int, note text);
alter table shop.tenants enable row level security;
create policy tenants_id on shop.tenants
using (id = (select shop.current_tenant()));
"""
POLICY = """
alter table shop.{table} enable row level security;
create policy {table}_tenant on shop.{table}
using ({condition}) with check ({condition});
"""
SAMPLE = """
insert into shop.tenants select n, 'code ' || n from generate_series(1, 1000) as n;
insert into shop.notes
select 1 + n % 20, n, n % 3000, 'note ' || n
from generate_series(1, 20000) as n;
insert into shop.moves select n % 20, n::text from generate_series(1, 50000) as n;
insert into shop.drafts
select 1 + n % 20, 'draft ' || n from generate_series(1, 5000) as n;
insert into shop.events
select 1 + tenant, '2025-01-01'::date + day, 'event ' || day
from generate_series(0, 99) as tenant cross join generate_series(0, 89) as day;
"""
TENANT = "tenant_id = (select shop.current_tenant())"
DIRECT = (
    "tenant_id = (case when current_setting('shop.tenant', true) like '_%'"
    " then current_setting('shop.tenant', true) end)::int"
)
OWNED = (
    "with owned as materialized"
    " (select tenant_id, at, note from shop.events where tenant_id = :tenant_id)"
)
BOUND = {
    "by_id(tenant_id, id)": "select body from shop.notes"
    " where tenant_id = :tenant_id and id = :id;",
    "by_either(tenant_id, id)": "select body from shop.notes"
    " where tenant_id = :tenant_id and (id = :id or owner = :id);",
    "with_nothing_of_it(tenant_id)": "select body from shop.notes"
    " where tenant_id = :tenant_id;",
    "partitions(tenant_id)": "select note from shop.events"
    " where tenant_id = :tenant_id and at = :tenant_id::text::date;",
    "change(tenant_id, id)!": "update shop.notes set body = ''"
    " where tenant_id = :tenant_id and id = :id;",
    "add(tenant_id, id)!": "insert into shop.notes (tenant_id, id)"
    " select id, :id from shop.tenants where id = :tenant_id"
    " on conflict (tenant_id, id) do update set body = '';",
    "joined(tenant_id, id)": "select n.body from shop.tenants as t"
    " inner join shop.notes as n on t.id = n.tenant_id"
    " where t.id = :tenant_id and n.id = :id;",
    "left_joined(tenant_id, id)": "select n.body from shop.tenants as t"
    " left join shop.notes as n on t.id = n.tenant_id and n.id = :id"
    " where t.id = :tenant_id;",
    "counted(tenant_id, id)": "select n.body, (select count(*) from shop.drafts"
    " where drafts.tenant_id = n.tenant_id) as drafts from shop.notes as n"
    " where n.tenant_id = :tenant_id and n.id = :id;",
    "of_cte(tenant_id, id)": "OWNED select n.body from shop.notes as n"
    " inner join owned on n.tenant_id = owned.tenant_id where n.id = :id;",
    "semi(tenant_id, id)": "OWNED select n.body from shop.notes as n"
    " where n.id = :id"
    " and exists (select from owned where owned.tenant_id = n.tenant_id);",
    "right_semi(since)": "select n.body from shop.notes as n"
    " where n.owner > :since and exists (select from shop.moves as m"
    " where m.of_tenant = n.tenant_id and m.note = n.body);",
    "of_two(tenant_id, owner)": "OWNED select n.body from shop.notes as n"
    " inner join owned on n.tenant_id = owned.tenant_id"
    " inner join shop.moves as m on owned.note = m.note and n.body = m.note"
    " where n.owner = :owner;",
    "beside_cte(tenant_id, id)": "OWNED select n.body from owned"
    " left join shop.notes as n on owned.tenant_id = n.tenant_id and n.id = :id;",
    "update_of_cte(tenant_id, id)!": "with moved as (delete from shop.notes"
    " where tenant_id = :tenant_id and id = :id returning tenant_id, owner)"
    " update shop.notes set body = '' from moved"
    " where notes.tenant_id = moved.tenant_id and notes.owner = moved.owner;",
    "hashed(tenant_id, owner)": "select code from shop.tenants where id = :tenant_id"
    " and (code is null or exists (select from shop.notes"
    " where notes.tenant_id = tenants.id and notes.owner = :owner));",
    "hashed_in_row(tenant_id, owner)": "select id, id not in (select tenant_id"
    " from shop.notes where owner = :owner) as is_other"
    " from shop.tenants where id = :tenant_id;",
}
UNBOUND = {
    "of_owner(owner)": ("select body from shop.notes where owner = :owner;", ["notes"]),
    "change(owner)!": (
        "update shop.notes set body = '' where owner = :owner;",
        ["notes"],
    ),
    "later(since)": ("select at from shop.events where at > :since;", ["events"]),
    "of_session(id)": (
        "select body from shop.notes"
        " where tenant_id = (select shop.current_tenant()) and id = :id;",
        ["notes"],
    ),
    "constant(id)": (
        "select body from shop.notes where tenant_id = 7 and id = :id;",
        ["notes"],
    ),
    "optional(tenant_id, id)": (
        "select body from shop.notes where id = :id"
        " and (:tenant_id::int is null or tenant_id = :tenant_id);",
        ["notes"],
    ),
    "joined(id)": (
        "select n.body from shop.tenants as t"
        " inner join shop.notes as n on t.id = n.tenant_id where n.id = :id;",
        ["tenants", "notes"],
    ),
    "of_code(code, id)": (
        "select body from shop.notes where id = :id"
        " and tenant_id = (select id from shop.tenants where code = :code);",
        ["tenants"],
    ),
    "beside(tenant_id, since)": (
        "select body from shop.notes where tenant_id = :tenant_id"
        " and not exists (select from shop.events where at > :since);",
        ["events"],
    ),
    "left_joined(tenant_id, id)": (
        "OWNED select n.body from shop.notes as n"
        " left join owned on n.tenant_id = owned.tenant_id where n.id = :id;",
        ["notes"],
    ),
    "left_joined_table(tenant_id, id)": (
        "select n.body from shop.notes as n left join shop.drafts as d"
        " on n.tenant_id = d.tenant_id and d.tenant_id = :tenant_id where n.id = :id;",
        ["notes"],
    ),
    "anti(tenant_id, id)": (
        "OWNED select n.body from shop.notes as n where n.id = :id"
        " and not exists (select from owned where owned.tenant_id = n.tenant_id);",
        ["notes"],
    ),
    "full_joined(tenant_id, id)": (
        "OWNED select n.body"
        " from (select tenant_id, body from shop.notes where id = :id) as n"
        " full join owned on n.tenant_id = owned.tenant_id;",
        ["notes"],
    ),
    "counted(tenant_id, id)": (
        "select n.body, (select count(*) from shop.drafts as d"
        " where d.tenant_id = :tenant_id and d.tenant_id = n.tenant_id) as drafts"
        " from shop.notes as n where n.id = :id;",
        ["notes"],
    ),
    "lateral_count(tenant_id, id)": (
        "select n.body, d.drafts from shop.notes as n cross join lateral"
        " (select count(*) as drafts from shop.drafts where"
        " drafts.tenant_id = :tenant_id and drafts.tenant_id = n.tenant_id) as d"
        " where n.id = :id;",
        ["notes"],
    ),
    "hashed(tenant_id, owner)": (
        "select code from shop.tenants where id = :tenant_id and (code is null"
        " or code in (select body from shop.notes where owner = :owner));",
        ["notes"],
    ),
    "right_joined(since)": (
        "select n.body from shop.notes as n left join shop.moves as m"
        " on n.tenant_id = m.of_tenant and n.body = m.note where n.owner > :since;",
        ["notes"],
    ),
    "right_anti(since)": (
        "select n.body from shop.notes as n where n.owner > :since and not exists"
        " (select from shop.moves as m"
        " where n.tenant_id = m.of_tenant and n.body = m.note);",
        ["notes"],
    ),
    "beside_branches(tenant_id, id)": (
        "select n.body from shop.notes as n inner join ("
        "select tenant_id from shop.drafts where tenant_id = :tenant_id"
        " union all select tenant_id from shop.events"
        ") as b on n.tenant_id = b.tenant_id where n.id = :id;",
        ["notes", "events"],
    ),
    "in_one_branch(tenant_id, id)": (
        "select b.body from (select tenant_id, body from shop.notes where id = :id"
        " union all select tenant_id, title from shop.drafts"
        " where tenant_id = :tenant_id) as b;",
        ["notes"],
    ),
}


def project(
    parent: Path, server: str, conditions: Mapping[str, str] | None = None
) -> PlanSettings:
    """A project whose queries are executed by a role that these policies restrict."""
    conditions = conditions or dict.fromkeys(("notes", "drafts", "events"), TENANT)
    policies = [
        POLICY.format(table=table, condition=condition)
        for table, condition in conditions.items()
    ]
    schema = SCHEMA + "".join(policies)
    settings = plan_settings(parent, server, schema, SAMPLE)
    fixed = frozenset({"shop.moves"})
    return replace(settings, role="shop_service", fixed_tables=fixed)


def written(name: str, sql: str) -> str:
    return f"{name} | {sql.replace('OWNED', OWNED)}"


@pytest.fixture
def settings(tmp_path: Path, embedded: str) -> PlanSettings:
    return project(tmp_path, embedded)


def test_a_policy_is_a_few_words_in_a_plan(settings: PlanSettings) -> None:
    names = ["by_id(tenant_id, id)", "change(tenant_id, id)!"]
    names += ["partitions(tenant_id)", "joined(tenant_id, id)"]
    report = report_on(settings, *(written(name, BOUND[name]) for name in names))
    assert (
        plans_of(report)
        == """\
notes.by_id
    Result
        One-Time Filter: the session's tenant = :tenant_id
     -> Index Scan using notes_pkey on shop.notes
            Index Cond: notes.tenant_id = :tenant_id
                and notes.id = :id

notes.change
    Update on shop.notes
     -> Result
            One-Time Filter: the session's tenant = :tenant_id
         -> Index Scan using notes_pkey on shop.notes
                Index Cond: notes.tenant_id = :tenant_id
                    and notes.id = :id

notes.partitions
    Append
     -> Result
            One-Time Filter: the session's tenant = :tenant_id
         -> Index Scan using events_pkey on shop.events (partitions)
                Index Cond: events.tenant_id = :tenant_id
                    and events.at = ((:tenant_id)::text)::date

notes.joined
    Result
        One-Time Filter: the session's tenant = :tenant_id
     -> Nested Loop
         -> Index Only Scan using tenants_pkey on shop.tenants t
                Index Cond: t.id = :tenant_id
         -> Index Scan using notes_pkey on shop.notes n
                Index Cond: n.tenant_id = :tenant_id
                    and n.id = :id
"""
    )


def test_a_query_that_binds_its_tenant_does_so_beside_a_policy(
    settings: PlanSettings,
) -> None:
    report = report_on(settings, *(written(name, sql) for name, sql in BOUND.items()))
    assert found(report) == []
    assert "notes.tenant_id = the session's tenant" in report.text
    for shape in ("BitmapOr", "hashed SubPlan", "Hash Right Semi Join", "CTE owned"):
        assert shape in report.text


def test_a_scan_that_only_a_policy_binds_is_found(settings: PlanSettings) -> None:
    report = report_on(
        settings, *(written(name, sql) for name, (sql, _) in UNBOUND.items())
    )
    whole = [name for name, what in found(report) if "all of" in what]
    assert whole == []
    assert found(report) == [
        (
            name.partition("(")[0],
            f"reads shop.{table} with no {'id' if table == 'tenants' else 'tenant_id'}"
            " in its index condition",
        )
        for name, (_, tables) in UNBOUND.items()
        for table in tables
    ]
    for join in ("Loop Left", "Loop Anti", "Full", "Hash Right", "Hash Right Anti"):
        assert f"{join} Join" in report.text


@pytest.mark.parametrize(
    "condition",
    [
        "tenant_id = (select current_setting('shop.tenant', true)::int)",
        "(select nullif(current_setting('shop.tenant', true), '')::int) = tenant_id",
        "tenant_id = (select case when current_setting('shop.tenant') like '_%'"
        " then current_setting('shop.tenant')::int end)",
        f"{TENANT} and id <> 13 and (body = '' or owner > 0)",
        "tenant_id = coalesce((select shop.current_tenant()), 0)",
        "tenant_id = shop.current_tenant()",
        DIRECT,
    ],
)
def test_a_policy_is_recognised_in_every_spelling(
    tmp_path: Path, embedded: str, condition: str
) -> None:
    report = report_on(
        project(tmp_path, embedded, {"notes": condition}),
        "of_owner(owner) | select body from shop.notes where owner = :owner;",
        f"by_id(tenant_id, id) | {BOUND['by_id(tenant_id, id)']}",
    )
    no_tenant = "reads shop.notes with no tenant_id in its index condition"
    assert found(report) == [("of_owner", no_tenant)]
    assert "InitPlan" not in report.text


def test_no_policy_passes_the_tenant_of_one_table_to_another(
    tmp_path: Path, embedded: str
) -> None:
    report = report_on(
        project(tmp_path, embedded, {"notes": DIRECT, "drafts": DIRECT}),
        "beside(tenant_id, id) | select n.body from shop.notes as n"
        " inner join shop.drafts as d on n.body = d.title"
        " where n.tenant_id = :tenant_id and n.id = :id;",
    )
    no_tenant = "reads shop.drafts with no tenant_id in its index condition"
    assert found(report) == [("beside", no_tenant)]
    assert "Index Cond: d.tenant_id = :tenant_id" in report.text


@pytest.mark.parametrize("condition", ["tenant_id = 7", "tenant_id = tenant_id"])
def test_a_policy_for_no_session_is_shown(
    tmp_path: Path, embedded: str, condition: str
) -> None:
    report = report_on(
        project(tmp_path, embedded, {"notes": condition}),
        "seventh() | select body from shop.notes where id = 77;",
    )
    assert "the session's tenant" not in report.text
    assert "notes.id = 77" in report.text


@pytest.mark.parametrize(
    "subquery",
    [
        "select current_setting('shop.own')::int",
        "select shop.current_tenant() where now() > '2025-01-01'",
        "select shop.current_tenant() from pg_catalog.pg_am",
    ],
)
def test_another_subquery_is_shown_and_binds(
    settings: PlanSettings, subquery: str
) -> None:
    query = "of_query(id) | select body from shop.notes where id = :id and tenant_id = "
    report = report_on(settings, f"{query}({subquery});")
    assert found(report) == []
    assert "notes.tenant_id = (InitPlan 1).col1" in report.text
    assert "-> InitPlan 1: " in report.text


def test_a_cte_that_reads_the_tenant_is_shown(settings: PlanSettings) -> None:
    report = report_on(
        settings,
        "of_cte() | with it as materialized (select shop.current_tenant() as tenant)"
        " select it.tenant from it;",
    )
    assert "-> CTE it: Result" in report.text


def test_a_policy_for_something_else_is_shown(tmp_path: Path, embedded: str) -> None:
    condition = f"{TENANT} and owner = (select current_setting('shop.owner')::int)"
    report = report_on(
        project(tmp_path, embedded, {"notes": condition}),
        "all_mine() | select body from shop.notes;",
    )
    assert "notes.tenant_id = the session's tenant\n" in report.text
    assert "notes.owner = (InitPlan 2).col1\n" in report.text


def test_a_policy_that_reads_the_row_is_shown_unchanged(
    tmp_path: Path, embedded: str
) -> None:
    condition = "tenant_id = (select t.id from shop.tenants as t where t.code = body)"
    settings = project(tmp_path, embedded, {"notes": condition})
    by_id = "by_id(tenant_id, id)"
    report = report_on(settings, written(by_id, BOUND[by_id]))
    assert "SubPlan" in report.text


def test_a_policy_that_cannot_be_planned_is_named(
    tmp_path: Path, embedded: str
) -> None:
    condition = "tenant_id = (select 1 / 0)"
    with pytest.raises(GenerationError) as caught:
        report_on(
            project(tmp_path, embedded, {"notes": condition}),
            "one()^ | select 1 as one;",
        )
    assert str(caught.value) == (
        "a policy of shop.notes: PostgreSQL says: division by zero"
    )
