"""Every query, in every role, with another tenant's identifiers reads no row of it.

matrix/judging.py defines a leak. test_matrix_breaks.py shows that the matrix can fail.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from authority_queries.codegen.query import Query
from tests.isolation.matrix.arguments import full_name
from tests.isolation.matrix.cases import (
    ALL,
    Roles,
    all_cases,
    control_of,
    is_of_a_tenant,
)
from tests.isolation.matrix.judging import leaks_of, outcomes_of
from tests.isolation.matrix.probes import PROBES, granted_everything, open_tables
from tests.isolation.matrix.running import Runner
from tests.isolation.matrix.world import Kind, World, opened_world, tables_without

_NO_KEY = "the caller chooses the id; it is no foreign key, and no query reads by it"
_DOOR = "it sets the tenant of a transaction"
_ONE_DIRECTORY = "another tenant's code is refused: all tenants share one directory"
_OF_ANOTHER = "as app of another tenant"
_LOG = "every write moves the end of the log, which has no row"
_HOLDER = "works for the tenant that the token names, as its holder may"
_WRITES = "writes a foreign id into"
# Facts about another tenant that a query reveals on purpose, and the reasons.
BY_PURPOSE = {
    f"audit_events.record as app: {_WRITES} audit_events": _NO_KEY,
    f"audit_events.record as bypass: {_WRITES} audit_events": _NO_KEY,
    f"login_attempts.record as app: {_WRITES} login_attempts": _NO_KEY,
    f"login_attempts.record as bypass: {_WRITES} login_attempts": _NO_KEY,
    f"service_accounts.create as app: {_WRITES} audit_events": _NO_KEY,
    f"service_accounts.create as bypass: {_WRITES} audit_events": _NO_KEY,
    f"service_accounts.create as app: {_WRITES} service_accounts": _NO_KEY,
    f"service_accounts.create as bypass: {_WRITES} service_accounts": _NO_KEY,
    f"tenants.enter {_OF_ANOTHER}: goes on working for another tenant": _DOOR,
    f"tenants.enter {_OF_ANOTHER}: reads or counts foreign rows": _DOOR,
    "revocations.list_heads as app: reads or counts foreign rows": (
        "a verifier follows the feeds of the tenants that it names"
    ),
    "server.get_lsn as app: reads or counts foreign rows": _LOG,
    "server.get_replay as app: reads or counts foreign rows": _LOG,
    "tenants.find as app: reads or counts foreign rows": (
        "a service finds its tenant by the code, and gets only the id"
    ),
    "tenants.update as app: reads or counts foreign rows": _ONE_DIRECTORY,
    "tenants.update as bypass: reads or counts foreign rows": _ONE_DIRECTORY,
    f"sessions.verify {_OF_ANOTHER}: changes foreign rows of sessions": _HOLDER,
    f"sessions.verify {_OF_ANOTHER}: reads or counts foreign rows": _HOLDER,
    f"tokens.verify_by_token {_OF_ANOTHER}: reads or counts foreign rows": _HOLDER,
    "tokens.verify_many_by_token as app: reads or counts foreign rows": _HOLDER,
}
# On 15 one kind of another tenant is enough.
KINDS = ["strangers", pytest.param("twins", marks=pytest.mark.one_version)]
# Queries whose results no other tenant's row changes, for any caller.
WITHOUT_ROWS = {
    "audit_events.create_partitions": "creates tables",
    "audit_events.drop_partitions": "drops tables",
    "entries.import_tenant": "creates a tenant, or finds it by its code",
    "exports.begin": "begins a transaction",
    "exports.list_tables": "reads the catalogue",
    "login_attempts.create_partitions": "creates tables",
    "login_attempts.drop_partitions": "drops tables",
    "monitoring.list_connections": "reads the catalogue",
    "monitoring.list_horizons": "reads the catalogue",
    "monitoring.list_partitions": "reads the catalogue",
    "revocations.listen": "reads no table",
    "server.describe": "reads the server's settings",
    "server.get_schema_version": "reads no table",
    "tenant_moves.list_tables": "reads the catalogue",
    "tenants.begin": "begins a transaction",
    "tenants.begin_alone": "begins a transaction",
    "tenants.begin_on_standby": "begins a transaction",
    "tenants.begin_read_only": "begins a transaction",
    "tenants.create": "creates a tenant, and reads the templates of all tenants",
}


def uncontrolled(world: World, roles: Roles, queries: Sequence[Query]) -> set[str]:
    """Return queries that find no row of the foreign tenant even when called for it."""
    cases = [case for query in queries for case in control_of(query, world, roles)]
    return {
        full_name(case.query)
        for case, leaks in zip(cases, leaks_of(world, cases), strict=True)
        if not leaks
    }


@pytest.mark.parametrize("kind", KINDS)
def test_no_result_depends_on_another_tenants_rows(
    kind: Kind, dba: "psycopg.Connection[Any]", matrix_roles: Roles, figures: list[str]
) -> None:
    with opened_world(dba, kind) as world:
        cases = all_cases(world, matrix_roles)
        found = leaks_of(world, cases)
    leaks = {str(leak) for each in found for leak in each}
    bound = sum(map(is_of_a_tenant, ALL))
    cells = len({(full_name(case.query), case.role) for case in cases})
    figures.append(
        f"matrix of {kind}: ({bound} queries x 3 roles + {len(ALL) - bound} of no "
        f"tenant x 1) x {len(world.tables)} tables = {cells * len(world.tables)} cells "
        f"in {len(cases)} calls, {len(leaks - BY_PURPOSE.keys())} leaks "
        f"({len(leaks & BY_PURPOSE.keys())} by purpose)"
    )
    assert cells == 3 * bound + len(ALL) - bound
    assert sorted(leaks - BY_PURPOSE.keys()) == []
    expected = {
        leak for leak in BY_PURPOSE if kind == "strangers" or _WRITES not in leak
    }
    assert expected <= leaks, "remove these exceptions: they do not occur"


def test_each_query_finds_the_rows_of_the_tenant_that_it_is_called_for(
    dba: "psycopg.Connection[Any]", matrix_roles: Roles
) -> None:
    with opened_world(dba, "strangers") as world:
        assert uncontrolled(world, matrix_roles, ALL) == WITHOUT_ROWS.keys()


def test_each_branch_of_grants_and_redemptions_is_taken(
    dba: "psycopg.Connection[Any]", matrix_roles: Roles
) -> None:
    with opened_world(dba, "strangers") as world:
        cases = [
            case
            for query in ALL
            if query.path.stem in {"exchanges", "grants", "redemptions"}
            for case in control_of(query, world, matrix_roles)
        ]
        results: list[Any] = [
            outcome.result for outcome in outcomes_of(Runner(world), cases, looks=False)
        ]
    names = [case.query.name for case in cases]
    one = (each[0] if isinstance(each, list) else each for each in results)
    assert list(zip(names, (each["outcome"] for each in one), strict=True)) == [
        ("exchange", "issued"),
        ("exchange", "issued"),
        ("issue_code", "issued"),
        ("issue_code", "issued"),
        ("issue_to_client", "issued"),
        ("issue_to_client", "issued"),
        ("issue_many", "issued"),
        ("issue_many", "issued"),
        ("redeem", "redeemed"),
        ("redeem", "redeemed"),
        ("redeem", "reused"),
        ("redeem", "already_redeemed"),
        ("redeem", "reused"),
    ]


@pytest.mark.parametrize("setting", ["another", "none", "nonsense"])
def test_no_policy_lets_a_foreign_row_through(
    setting: str,
    dba: "psycopg.Connection[Any]",
    matrix_roles: Roles,
    figures: list[str],
) -> None:
    with (
        opened_world(dba, "strangers") as world,
        granted_everything(world, matrix_roles.app),
    ):
        tenant = {"another": str(world.own), "none": "", "nonsense": "%' or true"}
        found = open_tables(world, matrix_roles.app, tenant[setting])
    figures.append(
        f"policies alone, tenant {setting}: {len(world.tables)} tables x {len(PROBES)} "
        f"statements, {len(found)} rows through"
    )
    assert found == []


@pytest.mark.parametrize("kind", KINDS)
def test_both_tenants_have_rows_in_every_table(
    kind: Kind, dba: "psycopg.Connection[Any]"
) -> None:
    with opened_world(dba, kind) as world:
        assert tables_without(world, world.own) == []
        assert tables_without(world, world.foreign) == []
