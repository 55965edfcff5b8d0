"""The check of plans: its findings, its exceptions, and a stable text."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.plans import database as plan_database
from authority_queries.codegen.plans.check import PlanSettings, check_plans
from authority_queries.codegen.plans.condition_text import (
    clauses_of,
    sides_of,
    source_of,
    subqueries_of,
    with_names,
)
from authority_queries.codegen.plans.text import plan_difference
from authority_queries.resources import MIGRATIONS
from tests.codegen.plan_reports import found, plan_settings, plans_of, report_on
from tests.own_queries import own_queries

pytestmark = pytest.mark.one_version

SCHEMA = """
create schema shop;
create table shop.kinds (name text primary key);
create table shop.tenants (id int primary key, code text not null unique);
create table shop.notes (
    tenant_id int not null references shop.tenants (id),
    id int not null,
    owner int,
    editor int,
    reviewer int,
    body text,
    primary key (tenant_id, id)
);
create index notes_owner_idx on shop.notes (owner);
create index notes_reviewer_idx on shop.notes (reviewer);
create index notes_tenant_id_owner_idx on shop.notes (tenant_id, owner);
create index notes_tenant_id_editor_idx on shop.notes (tenant_id, editor);
create table shop.drafts (tenant_id int not null, title text);
create table shop.events (
    tenant_id int not null, at date not null, primary key (tenant_id, at)
) partition by range (at);
create table shop.events_2025_01 partition of shop.events
for values from ('2025-01-01') to ('2025-02-01');
create table shop.events_2025_02 partition of shop.events
for values from ('2025-02-01') to ('2025-03-01');
create table shop.events_default partition of shop.events default;
alter table shop.events enable row level security;
create policy events_tenant on shop.events
using (tenant_id = (select current_setting('shop.tenant', true)::int));
"""
SAMPLE = """
insert into shop.kinds select 'kind ' || n from generate_series(1, 20) as n;
insert into shop.tenants select n, 'code ' || n from generate_series(1, 1000) as n;
insert into shop.notes
select 1 + n % 20, n, n % 3000, n % 4000, n, repeat('x', 100)
from generate_series(1, 20000) as n;
insert into shop.drafts
select 1 + n % 20, 'draft ' || n from generate_series(1, 5000) as n;
insert into shop.events
select 1 + tenant, '2025-01-01'::date + day
from generate_series(0, 99) as tenant cross join generate_series(0, 90) as day;
"""
BY_ID = "select body from shop.notes where tenant_id = :tenant_id and id = :id;"
DRAFTS = "select title from shop.drafts where tenant_id = :tenant_id;"
OF_OWNER = "select body from shop.notes where owner = :owner;"
OF_REVIEWER = (
    "select body from shop.notes where tenant_id = :tenant_id and reviewer = :reviewer;"
)
IN_ORDER = "select code from shop.tenants order by code limit :page;"
EVENTS = "select at from shop.events where tenant_id = :tenant_id and at > :since;"


@pytest.fixture
def settings(tmp_path: Path, embedded: str) -> PlanSettings:
    settings = plan_settings(tmp_path, embedded, SCHEMA, SAMPLE)
    return replace(settings, fixed_tables=frozenset({"shop.kinds"}))


def test_a_plan_has_no_figures(settings: PlanSettings) -> None:
    report = report_on(settings, f"one(tenant_id, id)^ | {BY_ID}")
    assert (
        plans_of(report)
        == """\
notes.one
    Index Scan using notes_pkey on shop.notes
        Index Cond: notes.tenant_id = :tenant_id
            and notes.id = :id
"""
    )
    assert "What PostgreSQL 18 does" in report.text
    assert report.findings == ()


def test_a_scan_of_a_whole_growing_table_is_found(settings: PlanSettings) -> None:
    report = report_on(
        settings,
        f"drafts(tenant_id) | {DRAFTS}",
        "turned(tenant_id) |"
        " select title from shop.drafts where :tenant_id = tenant_id;",
        "empty(tenant_id)! | delete from shop.drafts where tenant_id = :tenant_id;",
        "kinds() | select name from shop.kinds;",
        "roles() | select rolname from pg_catalog.pg_roles;",
        "applied() | select migration_id from public._yoyo_migration;",
    )
    whole = "reads all of shop.drafts"
    assert found(report) == [("drafts", whole), ("turned", whole), ("empty", whole)]
    assert report.findings[2].place == "queries/notes.sql:9 empty"
    assert "-- @plan seq_scan shop.drafts -- why" in report.findings[2].remedy


def test_a_scan_of_a_whole_index_is_found(settings: PlanSettings) -> None:
    settings = replace(settings, tenant_column=None)
    report = report_on(
        settings,
        f"in_order(page) | {IN_ORDER}",
        "after(code, page) | select code from shop.tenants where code > :code"
        " order by code limit :page;",
        "owned() | select count(*) as notes from shop.notes where owner is not null;",
    )
    assert found(report) == [
        ("in_order", "reads all of the index tenants_code_key of shop.tenants")
    ]


def test_a_scan_that_is_not_bound_to_a_tenant_is_found(settings: PlanSettings) -> None:
    report = report_on(
        settings,
        f"of_owner(owner) | {OF_OWNER}",
        f"of_reviewer(tenant_id, reviewer) | {OF_REVIEWER}",
        "by_code(code)^ | select id from shop.tenants where code = :code;",
    )
    no_note = "reads shop.notes with no tenant_id in its index condition"
    no_tenant = "reads shop.tenants with no id in its index condition"
    assert found(report) == [
        ("of_owner", no_note),
        ("of_reviewer", no_note),
        ("by_code", no_tenant),
    ]
    assert "-- @plan cross_tenant shop.notes -- why" in report.findings[0].remedy


def test_a_scan_is_bound_by_a_parameter_a_column_or_a_subquery(
    settings: PlanSettings,
) -> None:
    report = report_on(
        settings,
        "joined(tenant_id, id)^ | select n.body from shop.tenants as t"
        " inner join shop.notes as n on t.id = n.tenant_id"
        " where t.id = :tenant_id and n.id = :id;",
        "either(tenant_id, owner) | select body from shop.notes"
        " where tenant_id = :tenant_id and (owner = :owner or editor = :owner);",
        "with_cte(tenant_id, id)! | with moved as (delete from shop.notes"
        " where tenant_id = :tenant_id and id = :id returning tenant_id, owner)"
        " update shop.notes set body = '' from moved"
        " where notes.tenant_id = moved.tenant_id and notes.owner = moved.owner;",
        "of_setting(id)^ | select body from shop.notes where id = :id"
        " and tenant_id = (select current_setting('shop.tenant')::int);",
        "add(tenant_id, id)! | "
        "insert into shop.notes (tenant_id, id) values (:tenant_id, :id);",
    )
    assert report.findings == ()
    assert "BitmapOr" in report.text
    assert "notes.tenant_id = moved.tenant_id" in report.text
    assert "notes.tenant_id = (InitPlan 1).col1" in report.text


def test_a_tenant_that_is_a_constant_or_another_ones_is_found(
    settings: PlanSettings,
) -> None:
    report = report_on(
        settings,
        "fixed(id)^ | select body from shop.notes where tenant_id = 7 and id = :id;",
        "below(tenant_id) | "
        "select body from shop.notes where tenant_id < :tenant_id and id = 1;",
    )
    assert [name for name, _ in found(report)] == ["fixed", "below"]


def test_an_exception_permits_only_the_named_violation(settings: PlanSettings) -> None:
    report = report_on(
        settings,
        f"drafts(tenant_id) | @plan seq_scan shop.drafts -- Few. | {DRAFTS}",
        f"codes(page) | @plan full_index_scan tenants_code_key -- A directory."
        f" | @plan cross_tenant -- A directory. | {IN_ORDER}",
        f"owner(owner) | @plan cross_tenant shop.notes -- For support. | {OF_OWNER}",
        f"more(page) | @plan full_index_scan tenants_code_key -- A page. | {IN_ORDER}",
    )
    assert found(report) == [
        ("more", "reads shop.tenants with no id in its index condition")
    ]
    assert "    permitted: cross_tenant shop.notes\n" in report.text


def test_an_unknown_or_unneeded_exception_is_found(
    settings: PlanSettings,
) -> None:
    report = report_on(
        settings,
        f"a(tenant_id, id)^ | @plan cross_tenant -- Why not. | {BY_ID}",
        f"b(tenant_id, id)^ | @plan seq_scan shop.notes -- Why not. | {BY_ID}",
        f"c(tenant_id, id)^ | @plan seqscan shop.notes -- Why not. | {BY_ID}",
        f"d(tenant_id) | @plan seq_scan -- Few. | @plan seq_scan shop.drafts -- Few."
        f" | {DRAFTS}",
        f"e(tenant_id) | @plan seq_scan drafts -- Few. | {DRAFTS}",
    )
    assert found(report) == [
        ("a", "@plan cross_tenant: the plan does not do this"),
        ("b", "@plan seq_scan shop.notes: the plan does not do this"),
        ("c", "@plan seqscan shop.notes: no such exception"),
        ("d", "@plan seq_scan: names no table, index or cursor"),
        ("e", "reads all of shop.drafts"),
        ("e", "@plan seq_scan drafts: the plan does not do this"),
    ]


def test_partitions_with_the_same_plan_are_one_node(settings: PlanSettings) -> None:
    report = report_on(settings, f"events(tenant_id, since) | {EVENTS}")
    assert (
        plans_of(report)
        == """\
notes.events
    Append
     -> Index Only Scan using events_pkey on shop.events (partitions)
            Index Cond: events.tenant_id = :tenant_id
                and events.at > :since
"""
    )


def test_a_plan_is_made_as_the_role_and_leaves_no_role_behind(
    settings: PlanSettings,
) -> None:
    query = f"events(tenant_id, since) | {EVENTS}"
    assert "One-Time Filter" not in report_on(settings, query).text
    report = report_on(replace(settings, role="shop_service"), query)
    assert "One-Time Filter: the session's tenant = :tenant_id" in report.text
    assert "as shop_service." in report.text
    with psycopg.connect(str(settings.server)) as connection:
        roles = connection.execute("select rolname from pg_roles").fetchall()
    assert ("shop_service",) not in roles


def test_a_role_of_the_migrations_may_do_what_they_allow(
    settings: PlanSettings,
) -> None:
    (settings.migrations[0] / "0002_role.sql").write_text(
        "create role shop_reader; grant usage on schema shop to shop_reader;"
        "grant select on shop.notes to shop_reader;"
    )
    reader = replace(settings, role="shop_reader")
    with psycopg.connect(str(settings.server), autocommit=True) as connection:
        try:
            assert report_on(reader, f"one(tenant_id, id)^ | {BY_ID}").findings == ()
            connection.execute("drop role shop_reader")
            with pytest.raises(GenerationError) as caught:
                report_on(reader, f"drafts(tenant_id) | {DRAFTS}")
        finally:
            connection.execute("drop role shop_reader")
    assert str(caught.value) == (
        "queries/notes.sql:3:1: PostgreSQL says to shop_reader: "
        "permission denied for table drafts"
    )


def test_the_text_does_not_depend_on_the_server_s_settings(
    settings: PlanSettings,
) -> None:
    queries = [
        f"one(tenant_id, id)^ | {BY_ID}",
        f"events(tenant_id, since) | {EVENTS}",
        "lately(tenant_id) | select at from shop.events where tenant_id = :tenant_id"
        " and at > now() - interval '1 day 2 hours' order by at;",
    ]
    options = "-c enable_indexscan=off -c enable_indexonlyscan=off -c work_mem=64kB"
    other = f"{options} -c random_page_cost=100 -c IntervalStyle=iso_8601"
    usual = report_on(settings, *queries)
    tuned = replace(settings, server=make_conninfo(str(settings.server), options=other))
    assert check_plans(tuned).text == usual.text
    assert "Index Only Scan" in usual.text


def test_a_script_and_a_copy_have_no_plan(settings: PlanSettings) -> None:
    report = report_on(
        settings,
        "rebuild()# | reindex table shop.notes;",
        "load()! | @copy | copy shop.notes (tenant_id, id) from stdin;",
    )
    assert (
        plans_of(report)
        == """\
notes.rebuild
    A script: it has no plan.

notes.load
    A copy: it has no plan.
"""
    )


def test_an_old_server_is_refused(
    settings: PlanSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_database, "_OLDEST", 99)
    with pytest.raises(GenerationError, match=r"need PostgreSQL 99 or newer, .* is 18"):
        report_on(settings, f"one(tenant_id, id)^ | {BY_ID}")


def test_an_error_in_the_sample_has_its_line(settings: PlanSettings) -> None:
    settings.sample.write_text("select 1;\n\nselect * from shop.nothing;\n")
    with pytest.raises(GenerationError) as caught:
        report_on(settings, f"one(tenant_id, id)^ | {BY_ID}")
    assert str(caught.value) == (
        f'{settings.sample}:3: PostgreSQL says: relation "shop.nothing" does not exist'
    )


def test_an_error_names_a_missing_sample(settings: PlanSettings) -> None:
    settings.sample.unlink()
    with pytest.raises(GenerationError, match=r"sample\.sql: cannot be read: No such"):
        report_on(settings, f"one(tenant_id, id)^ | {BY_ID}")


@pytest.mark.parametrize(
    ("condition", "clauses"),
    [
        ("(a.b = $1)", ["a.b = $1"]),
        ("((a.b = $1) AND (a.c = $2))", ["a.b = $1", "a.c = $2"]),
        ("((a.b IS NULL) OR (a.b = $1))", ["((a.b IS NULL) OR (a.b = $1))"]),
        (
            "(a.flag AND ((a.b = 1) OR ((a.c = 2) AND a.d)))",
            ["a.flag", "((a.b = 1) OR ((a.c = 2) AND a.d))"],
        ),
        ("((a.b = ') AND (') AND a.c)", ["a.b = ') AND ('", "a.c"]),
        ("(a.b = 'it''s) AND (x')", ["a.b = 'it''s) AND (x'"]),
        ('("x) AND (y".b = 1)', ['"x) AND (y".b = 1']),
        ("((a.b + 1) = (a.c + 1))", ["(a.b + 1) = (a.c + 1)"]),
    ],
)
def test_a_condition_is_split_where_and_joins_it(
    condition: str, clauses: list[str]
) -> None:
    assert list(clauses_of(condition)) == clauses


@pytest.mark.parametrize(
    ("clause", "sources"),
    [
        ("a.b = $1", ["a.b", "$1"]),
        ('("a b"."C")::text = ($1)::text', ["a b.C", "$1"]),
        ("(a.b + 1) = (InitPlan 1).col1", ["a.b + 1", "(InitPlan 1).col1"]),
        ("a.b = 'it''s = x'::text", ["a.b", ""]),
        ("((a.b = $1) OR (a.c = $1))", []),
        ("a.b = ANY ($1)", ["a.b", "ANY ($1)"]),
        ("a.b >= $1", []),
    ],
)
def test_an_equality_is_two_sources(clause: str, sources: list[str]) -> None:
    assert [source_of(side) for side in sides_of(clause)] == sources


def test_subqueries_are_found_by_their_brackets() -> None:
    text = "(a.b = COALESCE(( SELECT f(')'::text) AS f), ( SELECT g() AS g)))"
    assert list(subqueries_of(text)) == ["SELECT f(')'::text) AS f", "SELECT g() AS g"]


def test_parameters_get_their_names_but_not_within_strings() -> None:
    text = "((a_1.b = $2) AND (a_1.c = '$1'::text) AND (a_10.d = $11))"
    assert with_names(text, ["x", "y"], {"a_1": "a"}) == (
        "((a.b = :y) AND (a.c = '$1'::text) AND (a_10.d = $11))"
    )


def test_a_difference_is_a_diff_that_a_person_reads() -> None:
    assert plan_difference("a\nb\n", "a\nb\n", "plans.txt") == ""
    assert plan_difference("a\nb\n", "a\nc\n", "plans.txt") == (
        "--- plans.txt (committed)\n+++ plans.txt (now)\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    )


def test_the_rules_find_a_query_that_only_row_level_security_restricts(
    tmp_path: Path,
) -> None:
    (tmp_path / "without_tenant.sql").write_text(
        "-- name: get(id)^\n-- A token.\n"
        "select tokens.type from authority.tokens where tokens.id = :id;\n"
    )
    report = check_plans(
        PlanSettings(
            queries=tmp_path,
            migrations=[MIGRATIONS],
            sample=MIGRATIONS.parent / "sample.sql",
            role="authority_app",
            tenant_column="tenant_id",
        )
    )
    assert found(report) == [
        ("get", "reads authority.tokens with no tenant_id in its index condition")
    ]
    assert "Index Cond: tokens.tenant_id = the session's tenant" in report.text


def test_only_queries_of_operators_may_read_across() -> None:
    roles = {
        f"{query.path.stem}.{query.name}": query.tags.role
        for query in own_queries()
        if any(known.permitted.startswith("cross_") for known in query.tags.plans)
    }
    assert roles
    by_owner = {"tenant_moves.list_tenants": "pg_database_owner"}
    assert roles == dict.fromkeys(roles, "authority_maintenance") | by_owner


def test_a_list_that_does_not_begin_at_its_cursor_is_found(
    settings: PlanSettings,
) -> None:
    of = "select id from shop.notes where tenant_id = :tenant_id"
    report = report_on(
        settings,
        f"good(tenant_id, after, size) | {of} and id > :after order by id limit :size;",
        f"optional(tenant_id, after, size) | {of}"
        " and (:after::int is null or id > :after) order by id limit :size;",
        f"unsorted(tenant_id, before_id, size) | {of}"
        " and id < :before_id order by body limit :size;",
        f"named(tenant_id, afterwards) | {of} and body > :afterwards;",
    )
    assert found(report) == [
        ("optional", "no index condition has the cursor :after"),
        ("unsorted", "sorts all rows beyond the cursor :before_id"),
    ]
    assert "-- @plan cursor after -- why" in report.findings[0].remedy
