"""Hostile or oversized texts leave a service's call in its tenant."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import psycopg
import pytest

from authority_queries.codegen.query import Query
from tests.isolation.matrix.arguments import argument_sets, full_name, parameters_of
from tests.isolation.matrix.cases import ALL, Roles
from tests.isolation.matrix.running import (
    Caller,
    Failure,
    Outcome,
    RewritingCursor,
    Runner,
)
from tests.isolation.matrix.world import FOREIGN, World, opened_world, tenant_id

_BECOME_FOREIGN: Final = f"set_config('authority.tenant_id', '{tenant_id(FOREIGN)}'"
HOSTILE: Final = {
    "a second statement": f"'; select {_BECOME_FOREIGN}, true); --",
    "a second statement for the session": f"$$); select {_BECOME_FOREIGN}, false); --",
    "a condition": "\\' or true --",
    "a placeholder of PostgreSQL": "$1",
    "a placeholder of psycopg": "%s %(tenant_id)s %",
    "a placeholder of aiosql": ":tenant_id",
}
# In the annotation of a parameter.
_TEXT, _ONE_OF = r"(?<!Sequence\[)\bstr\b(?!, JsonValue)", r"\bLiteral\["
_TEXTS, _JSON = r"\bSequence\[str\]", "JsonValue"
# Queries that may set the tenant of a transaction.
MAY_SET: Final = {
    "audit_events.drop_partitions",
    "audit_events.list_months",
    "audit_events.prune_default",
    "audit_events.seal",
    "audit_events.verify",
    "comparisons.list_row_keys",
    "comparisons.read_rows",
    "entries.find_named",
    "entries.find_others",
    "entries.import_license_usage",
    "entries.import_rows",
    "entries.import_tenant",
    "entries.record",
    "entries.settle",
    "entries.update_rows",
    "erasures.erase_tenant",
    "erasures.erase_user",
    "erasures.find_user",
    "exports.find_user",
    "exports.list_rows",
    "login_attempts.prune_default",
    "monitoring.list_backlogs",  # it sets authority.is_watching, and no tenant
    "monitoring.list_work",  # it too
    "revocations.list_heads",
    "sessions.verify",
    "tenant_moves.advance_feed",
    "tenant_moves.dump_rows",
    "tenant_moves.hold",
    "tenant_moves.list_open_units",  # it names enter_tenant, in a comment
    "tenant_moves.load_rows",
    "tenants.begin_alone",  # it sets the isolation, and no tenant
    "tenants.enter",
    "tokens.verify_by_token",
    "tokens.verify_many_by_token",
}
_SETS: Final = re.compile(
    r"\bset_config\b|\bpg_settings\b|\bauthority\.tenant_id\b"
    r"|\b(?:set|reset)\s+(?:local|session|all|role)\b(?!\s*=)|\bdiscard\b",
    re.I,
)


def in_place_of(annotation: str, text: str) -> object:
    """Return the text in the parameter's form: itself, in an array, in an object."""
    if "Sequence[str]" in annotation:
        return [text]
    return {"text": text} if "JsonValue" in annotation else text


def texts_of(query: Query, *kinds: str) -> Iterator[tuple[str, str]]:
    """Return each parameter with text: itself, one of a few, a list of it, in JSON."""
    for name, parameter in parameters_of(query).items():
        annotation = str(parameter.annotation)
        if re.search("|".join(kinds), annotation):
            yield name, annotation


def faults(world: World, runner: Runner, outcome: Outcome) -> Iterator[str]:
    """Return whatever is wrong after a call, whatever it was given."""
    if isinstance(outcome.result, Failure) and not outcome.result.is_ours:
        yield f"{outcome.result.kind} {outcome.result.text}"
    if outcome.foreign != runner.untouched.foreign:
        yield "changes foreign rows"
    if f"{world.foreign_id}-" in str(outcome.result):
        yield "reads foreign rows"
    if outcome.tenant != str(world.own):
        yield "works for another tenant afterwards"


def calls_of(
    world: World, texts: Mapping[str, str], *kinds: str
) -> Iterator[tuple[str, Query, dict[str, object]]]:
    """Yield each query with each text in each parameter; the others are its own."""
    rows = world.rows(world.own)
    for query in ALL:
        values = argument_sets(query, rows)[0]
        for name, annotation in texts_of(query, *kinds):
            for kind, text in texts.items():
                label = f"{full_name(query)}, {kind} in {name}"
                yield label, query, {**values, name: in_place_of(annotation, text)}


def faults_with(
    dba: "psycopg.Connection[Any]", roles: Roles, texts: Mapping[str, str], *kinds: str
) -> tuple[int, list[str]]:
    """Return the number of calls, and each fault with its call."""
    with opened_world(dba, "strangers") as world:
        runner = Runner(world, looks_at_own=False)
        service = Caller(login=roles.app, tenant=world.own)
        count, found = 0, []
        for label, query, arguments in calls_of(world, texts, *kinds):
            outcome = runner.run(query, service, arguments)
            count += 1
            found += [f"{label}: {fault}" for fault in faults(world, runner, outcome)]
    return count, found


@pytest.mark.one_version
def test_a_hostile_text_is_a_value_and_nothing_else(
    dba: "psycopg.Connection[Any]", matrix_roles: Roles, figures: list[str]
) -> None:
    count, found = faults_with(
        dba, matrix_roles, HOSTILE, _TEXT, _ONE_OF, _TEXTS, _JSON
    )
    figures.append(
        f"hostile texts: {count // len(HOSTILE)} parameters x {len(HOSTILE)} texts, "
        f"{len(found)} faults"
    )
    assert found == []


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (f"select {_BECOME_FOREIGN}, true)", "works for another tenant afterwards"),
        ("select missing.id from missing", "UndefinedTable 42P01"),
        ("select 'Robot ffffffff-8af5'", "reads foreign rows"),
    ],
)
def test_a_query_that_executes_a_text_as_sql_is_found(
    broken: str, fault: str, dba: "psycopg.Connection[Any]", matrix_roles: Roles
) -> None:
    find = next(query for query in ALL if full_name(query) == "tenants.find")
    with opened_world(dba, "strangers") as world:
        runner = Runner(world, looks_at_own=False)
        service = Caller(login=matrix_roles.app, tenant=world.own)
        RewritingCursor.instead = {find.sql: broken}
        try:
            outcome = runner.run(find, service, {"code": "acme"})
        finally:
            RewritingCursor.instead = {}
        assert [*faults(world, runner, outcome)] == [fault]


def setters(
    dba: "psycopg.Connection[Any]", queries: Iterable[tuple[str, str]]
) -> set[str]:
    """Return queries whose text sets the tenant, or calls a function that does."""
    sources = dict(
        dba.execute(
            "select proname::text, prosrc from pg_catalog.pg_proc "
            "where pronamespace = 'authority'::regnamespace"
        ).fetchall()
    )
    found = {name for name, source in sources.items() if "set_config" in source}
    found |= {
        name
        for name, source in sources.items()
        if re.search(rf"\bauthority\.({'|'.join(found)})\b", source)
    }
    calls = re.compile(rf"\bauthority\.({'|'.join(found)})\b")
    return {name for name, text in queries if _SETS.search(text) or calls.search(text)}


def test_only_the_permitted_queries_set_the_tenant_of_a_transaction(
    dba: "psycopg.Connection[Any]",
) -> None:
    queries = [(full_name(query), query.sql) for query in ALL]
    assert setters(dba, queries) == MAY_SET


@pytest.mark.parametrize(
    "text",
    [
        "select set_config('authority.tenant_id', '', true)",
        "select pg_catalog.set_config ('role', 'postgres', true)",
        "set local authority.tenant_id = ''",
        "set authority.tenant_id to default",
        "set\n    role pg_database_owner",
        "SET SESSION AUTHORIZATION postgres",
        "reset role",
        "reset all",
        "discard all",
        "update pg_catalog.pg_settings set setting = ''",
        "select authority.enter_tenant(:tenant_id)",
        "do $$ begin perform authority.find_live_token(null, null, null); end $$",
    ],
)
def test_a_query_that_sets_the_tenant_is_found(
    text: str, dba: "psycopg.Connection[Any]"
) -> None:
    assert setters(dba, [("users.become", text)]) == {"users.become"}
    assert setters(dba, [("users.update", "update authority.users set role = 1")]) == (
        set()
    )
