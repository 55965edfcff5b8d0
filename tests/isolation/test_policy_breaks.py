"""A policy that lets all rows through is found by its table's name and its queries."""

import re
from typing import Any

import psycopg
import pytest

from tests.isolation.matrix.cases import OF_ANOTHER, Roles, all_cases
from tests.isolation.matrix.judging import (
    Case,
    compared,
    outcomes_of,
    outcomes_without,
)
from tests.isolation.matrix.probes import PROBES, granted_everything, open_tables
from tests.isolation.matrix.running import Outcome, Runner
from tests.isolation.matrix.world import Table, World, opened_world

pytestmark = pytest.mark.one_version

# Queries reach these tables only beside another one, whose policy stops them.
NEVER_ALONE = {
    "audit_chains",
    "pushed_requests",
    "session_clients",
    "used_jtis",
}


def let_all_through(world: World, table: Table) -> None:
    policy = f"{table.name}_{table.tenant_column}_policy on authority.{table.name}"
    world.dba.execute(f"alter policy {policy} using (true) with check (true)".encode())


def leaking(
    world: World, runner: Runner, table: Table, right: list[tuple[Case, Outcome]]
) -> set[str]:
    """Return queries of this table that leak while its policy lets all rows through."""
    named = re.compile(rf"\bauthority\.{table.name}\b")
    chosen = [(case, alone) for case, alone in right if named.search(case.query.sql)]
    cases, alone = [case for case, _ in chosen], [each for _, each in chosen]
    with world.dba.transaction(force_rollback=True):
        let_all_through(world, table)
        together = outcomes_of(runner, cases)
    found = compared(runner, cases, together, alone)
    return {leak.query for leaks in found for leak in leaks}


def test_a_table_without_its_policy_is_found_by_name(
    dba: "psycopg.Connection[Any]", matrix_roles: Roles
) -> None:
    app = matrix_roles.app
    with opened_world(dba, "strangers") as world, granted_everything(world, app):
        for table in world.tables:
            with dba.transaction(force_rollback=True):
                let_all_through(world, table)
                found = open_tables(world, app, str(world.own))
            assert found == [(table.name, how) for how in PROBES]


def test_a_table_without_its_policy_makes_its_queries_leak(
    dba: "psycopg.Connection[Any]", matrix_roles: Roles, figures: list[str]
) -> None:
    with opened_world(dba, "strangers") as world:
        told = [c for c in all_cases(world, matrix_roles) if c.role == OF_ANOTHER]
        runner = Runner(world)
        right = [*zip(told, outcomes_without(world, runner, told), strict=True)]
        leaks = {
            table.name: leaking(world, runner, table, right)
            for table in world.tables
            if not table.is_partition
        }
    figures.append(
        f"one policy opened: {len(leaks)} tables, "
        f"{sum(map(bool, leaks.values()))} of them missed by their queries too"
    )
    assert {table for table, queries in leaks.items() if not queries} == NEVER_ALONE
    assert "users.get_by_id" in leaks["users"]
