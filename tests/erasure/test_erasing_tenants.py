"""`Maintenance.erase_tenant`: every row of one tenant, and no row of another."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries import AsyncMaintenance, Maintenance, Settings
from authority_queries.errors import TenantNotTerminatedError
from authority_queries.service.erasures import ErasureReport
from authority_queries.service.migrations import yoyo_url
from tests.erasure.rows import all_rows, only_in, places_of
from tests.erasure.waiting import wait_for_lock
from tests.erasure.world import World, identities
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"


def counts(world: World) -> Counter[str]:
    """Return the number of the tenant's rows by table."""
    return Counter(row.table for row in world.rows_of(world.own))


def told(report: ErasureReport) -> dict[str, int]:
    return {table.step: table.rows for table in report.tables}


@pytest.fixture(params=["sync", "async"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_value_of_an_erased_tenant_is_gone(
    world: World, logins: Logins, form: str
) -> None:
    settings = Settings(database_url=yoyo_url(logins.maintenance), pool_max_size=1)
    own, others = world.rows_of(world.own), world.others()
    values = only_in(own, others)
    assert len(values) > 80

    async def awaited() -> ErasureReport:
        async with AsyncMaintenance.open(settings) as maintenance:
            return await maintenance.erase_tenant(world.own, batch_size=2)

    with Maintenance.open(settings) as maintenance:
        for refused in ("active", "suspended"):
            with pytest.raises(TenantNotTerminatedError, match=r"erase_tenant: "):
                maintenance.erase_tenant(world.own)
            assert world.rows_of(world.own), refused
            with maintenance.store() as store:
                store.tenants.suspend(tenant_id=world.own)
        with maintenance.store() as store:
            store.tenants.terminate(tenant_id=world.own)
        expected = counts(world)
        report = (
            maintenance.erase_tenant(world.own, batch_size=2)
            if form == "sync"
            else asyncio.run(awaited())
        )
        assert report.is_complete
        assert told(report) == expected
        assert list(told(report))[-1] == "tenants"
        # Every table of the catalogue had a row, which used_jtis has too.
        assert len(expected) == len({row.table for row in world.before}) - 3
        assert places_of(world.dba, values) == {}
        assert identities(all_rows(world.dba)) == identities(others)
        again = maintenance.erase_tenant(world.own)
    assert (again.rows, again.is_complete) == (0, True)


def test_a_crashed_run_is_resumed(world: World, maintenance: Maintenance) -> None:
    batches: list[object] = []

    def crash(table: object) -> None:
        batches.append(table)
        if len(batches) == 20:
            world.dba.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )

    terminate(world, maintenance)
    expected = counts(world)
    with pytest.raises(psycopg.OperationalError):
        maintenance.erase_tenant(world.own, batch_size=1, progress=crash)
    left = sum(counts(world).values())
    assert left == sum(expected.values()) - 20
    report = maintenance.erase_tenant(world.own)
    assert report.is_complete
    assert report.rows == left
    assert world.rows_of(world.own) == []


def terminate(world: World, maintenance: Maintenance) -> None:
    with maintenance.store() as store:
        store.tenants.terminate(tenant_id=world.own)


def test_two_runs_at_once_share_the_rows(
    world: World, maintenance: Maintenance
) -> None:
    terminate(world, maintenance)
    expected = counts(world)

    def run(_: int) -> ErasureReport:
        return maintenance.erase_tenant(world.own, batch_size=2)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(run, range(2)))
    assert all(report.is_complete for report in reports)
    erased: Counter[str] = Counter()
    for report in reports:
        erased.update(told(report))
    assert erased == expected
    assert world.rows_of(world.own) == []


def test_a_row_that_a_service_commits_late_goes_too(
    world: World, maintenance: Maintenance, logins: Logins
) -> None:
    with psycopg.connect(logins.app) as service:
        service.execute("select authority.enter_tenant(%s)", (world.own,))
        insert = (
            "insert into authority.users (tenant_id, username, username_key) "
            "values (%s, %s, %s)"
        )
        service.execute(insert, (world.own, "late", "late"))
        terminate(world, maintenance)
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(maintenance.erase_tenant, world.own)
            wait_for_lock(world.dba)
            # The unit was entered before the end, and goes on.
            service.execute(insert, (world.own, "later", "later"))
            service.commit()
            report = run.result(timeout=30)
        assert report.is_complete
        assert told(report)["users"] == 4
        setting = "select set_config('authority.tenant_id', %s, true)"
        service.execute(setting, (str(world.own),))
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            service.execute(insert, (world.own, "too late", "too late"))
    assert world.rows_of(world.own) == []


def test_a_table_precedes_all_that_it_references(dba: Dba) -> None:
    names = [
        name
        for (name,) in dba.execute("select name from authority.tables_of_tenants()")
    ]
    keys = dba.execute(
        "select children.relname::text, parents.relname::text from pg_constraint "
        "join pg_class as children on children.oid = conrelid "
        "join pg_class as parents on parents.oid = confrelid "
        "where contype = 'f' and connamespace = 'authority'::regnamespace "
        "and conparentid = 0"
    ).fetchall()
    assert len(names) > 20
    assert len(keys) > 30
    for child, parent in keys:
        child_name, parent_name = (
            one.removeprefix("authority.") for one in (child, parent)
        )
        if parent_name in names:
            assert names.index(child_name) < names.index(parent_name), (child, parent)


@pytest.mark.parametrize("role", ["app", "reader"])
def test_no_other_role_erases(world: World, logins: Logins, role: str) -> None:
    with (
        psycopg.connect(getattr(logins, role), autocommit=True) as login,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        login.execute("select authority.erase_tenant(%s, 1)", (world.own,))
