"""A page of a list reads as many blocks wherever it begins, with each kind of plan."""

import logging
import re
from collections.abc import Iterator
from inspect import signature
from typing import Any, get_origin, get_type_hints

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Store
from authority_queries.codegen.plans.cursors import is_cursor
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.repositories._sync.repository import Repository
from authority_queries.repositories.values import Page
from authority_queries.resources import QUERIES
from benchmarks.list_calls import TENANT, ListCall, fill, list_calls
from benchmarks.list_costs import blocks_of, bound_to
from tests.stores import Logins

pytestmark = pytest.mark.one_version
ROWS = 20_000
PAGE = 50
# A row of a page costs a few blocks, and a row that is judged first a few for each
# table that decides whether it is live.
PER_ROW = 5
PER_JUDGED_ROW = 25
JUDGED = {
    "authorizations.list_by_client",
    "authorizations.list_by_user",
    "sessions.list_by_user",
    "tokens.list_active_by_client",
    "tokens.list_active_by_subject",
}
# Without statistics PostgreSQL takes a status for as selective as a username.
WITH_STATISTICS = {"users.list pending"}
EXECUTED = re.compile(r"queries/(\w+)\.sql:\d+ (\w+)")
# Batches: rows that are encrypted again and so not read twice, and an export's tenants.
BATCHES = {
    "tenant_moves.list_tenants",
    "totp_credentials.list_encrypted_otherwise",
}
# A list without a page, and what bounds it.
BOUNDED = {
    "audit_events.list_months": "a month has a chain",
    "authorizations.list_by_ids": "the argument",
    "client_secrets.list_by_client": "client_secrets_client_uuid_limit",
    "client_secrets.list_live": "client_secrets_client_uuid_limit",
    "comparisons.read_rows": "the argument",
    "entries.find_named": "the arguments",
    "entries.find_others": "the argument",
    "entries.update_rows": "a write: it returns what it updated",
    "exports.list_tables": "the catalogue",
    "grants.issue_many": "a write: it returns what it issued",
    "monitoring.list_connections": "max_connections",
    "monitoring.list_horizons": "max_connections",
    "monitoring.list_indexes": "the catalogue",
    "monitoring.list_partitions": "the catalogue",
    "monitoring.list_tables": "the catalogue",
    "monitoring.list_tenants": "a row for each status",
    "revocations.list_by_sequences": "the argument",
    "revocations.list_heads": "the argument",
    "scopes.resolve": "the argument",
    "sessions.end_all": "a write: it returns what it ended",
    "sessions.list_live_by_ids": "the argument",
    "signing_keys.list_encrypted_otherwise": "signing_keys_tenant_id_alg_key",
    "tenant_moves.list_open_units": "max_connections",
    "tenant_moves.list_tables": "the catalogue",
    "tokens.list_by_ids": "the argument",
    "tokens.verify_many": "the argument",
    "tokens.verify_many_by_token": "the argument",
    "totp_credentials.list_confirmed": "totp_credentials_user_id_limit",
    "user_credentials.list_by_user": "the limits of its factors",
    "user_roles.list_by_user": "user_roles_user_id_limit",
    "users.list_by_ids": "the argument",
    "webauthn_credentials.list_by_user": "webauthn_credentials_user_id_limit",
}


def paged_methods(store: Store) -> Iterator[str]:
    """Return each method of the store that returns a page."""
    for name, repository in vars(store).items():
        if isinstance(repository, Repository):
            for method in dir(repository):
                call = getattr(repository, method)
                hints = get_type_hints(call) if callable(call) else {}
                if get_origin(hints.get("return")) is Page and method[0] != "_":
                    yield f"{name}.{method}"


def test_a_list_is_a_page_or_is_bounded() -> None:
    several = {
        f"{query.path.stem}.{query.name}"
        for query in read_folder(QUERIES)
        if query.operation.name == "SELECT"
        and not {"page_size", "batch_size", "most"} & {*query.parameters}
    }
    assert several == set(BOUNDED)


def stores(logins: Logins, plan: str) -> Iterator[tuple[bool, Store]]:
    for of_tenant, login in (
        (True, logins.app_for(TENANT)),
        (False, logins.maintenance),
    ):
        connection: psycopg.Connection[Any] = psycopg.connect(
            make_conninfo(login), autocommit=True, prepare_threshold=0
        )
        connection.execute(f"set plan_cache_mode = force_{plan}_plan".encode())
        yield of_tenant, Store(connection)


def excesses(store: Store, call: ListCall) -> Iterator[str]:
    """Return the pages that read too much."""
    per_row = PER_JUDGED_ROW if call.method in JUDGED else PER_ROW
    for row in (0, ROWS // 2, ROWS - PAGE):
        page = bound_to(store, call, row, ROWS, page_size=PAGE)
        assert page().items, (call.title, row)
        blocks = blocks_of(store.connection, page)
        if blocks > per_row * PAGE:
            yield f"{call.title} after row {row}: {blocks} blocks"


def go_back(store: Store, call: ListCall) -> None:
    name, _, method = call.method.partition(".")
    list_ = getattr(getattr(store, name), method)
    if "before" in signature(list_).parameters:
        arguments = call.arguments(ROWS // 2, ROWS)
        page = list_(**arguments, page_size=PAGE)
        before = {**arguments, "after": None, "before": page.previous}
        back = list_(**before, page_size=PAGE)
        assert back.items
        assert list_(**{**before, "before": None, "after": back.next}).items


def test_a_page_costs_the_same_wherever_it_begins(
    dba: "psycopg.Connection[Any]", logins: Logins, caplog: pytest.LogCaptureFixture
) -> None:
    calls = list_calls(fill(dba, ROWS))
    wrong = []
    caplog.set_level(logging.DEBUG, "authority_queries.sql")
    for analyzed, plan in ((False, "generic"), (True, "generic"), (True, "custom")):
        if analyzed:
            dba.execute("analyze")
        by_tenant = dict(stores(logins, plan))
        assert {call.method for call in calls} == {*paged_methods(by_tenant[True])}
        for call in calls:
            if not analyzed and call.title in WITH_STATISTICS:
                continue
            store = by_tenant[call.is_of_tenant]
            where = f"{plan}, {'with' if analyzed else 'without'} statistics"
            wrong += [f"{each} ({where})" for each in excesses(store, call)]
            if plan == "custom":
                go_back(store, call)
        for store in by_tenant.values():
            store.connection.close()
    assert not wrong, "\n".join(wrong)
    found = (EXECUTED.fullmatch(record.getMessage()) for record in caplog.records)
    executed = {f"{place[1]}.{place[2]}" for place in found if place}
    assert (
        executed
        >= {
            f"{query.path.stem}.{query.name}"
            for query in read_folder(QUERIES)
            if any(map(is_cursor, query.parameters))
            and not any(
                each.permitted.startswith("cursor") for each in query.tags.plans
            )
        }
        - BATCHES
    )
