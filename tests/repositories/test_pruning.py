"""`Maintenance.prune`, synchronous and asynchronous: each test runs both."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import monotonic
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from authority_queries import (
    AsyncMaintenance,
    Maintenance,
    NewToken,
    Retention,
    Settings,
    Store,
    mint_token,
)
from authority_queries.errors import InvalidArgumentError, PermissionDeniedError
from authority_queries.service._async import pruning_steps as async_pruning_steps
from authority_queries.service._sync import pruning, pruning_steps
from authority_queries.service.migrations import yoyo_url
from authority_queries.service.retention import STEPS, PruneReport, StepReport
from authority_queries.testing import Clock
from tests.every_query import names_by_file
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_tenant,
    make_token,
)
from tests.prunable import DAY, LIVE, PRUNABLE, World
from tests.stores import Logins, routed_store

Dba: TypeAlias = "psycopg.Connection[Any]"
Prune: TypeAlias = Callable[..., PruneReport]
REPEATED = sorted(PRUNABLE)


@pytest.fixture(params=["sync", "async"])
def prune(request: pytest.FixtureRequest, logins: Logins) -> Prune:
    settings = Settings(database_url=yoyo_url(logins.maintenance), pool_max_size=1)

    def blocking(**arguments: Any) -> PruneReport:
        with Maintenance.open(settings) as maintenance:
            return maintenance.prune(**arguments)

    async def awaited(**arguments: Any) -> PruneReport:
        async with AsyncMaintenance.open(settings) as maintenance:
            return await maintenance.prune(**arguments)

    if request.param == "sync":
        return blocking
    return lambda **arguments: asyncio.run(awaited(**arguments))


@pytest.fixture
def world(logins: Logins, dba: Dba) -> World:
    with routed_store(logins) as store:
        return World.make(store, dba)


def step(report: PruneReport, name: str) -> StepReport:
    (found,) = (step for step in report.steps if step.step == name)
    return found


def test_expired_rows_are_deleted_and_others_are_kept(
    prune: Prune, world: World
) -> None:
    for number, name in enumerate(REPEATED):
        world.insert(name, 40 + number)
        world.insert(name, 7, LIVE)
    report = prune(batch_size=20)
    for number, name in enumerate(REPEATED):
        told = step(report, name)
        assert (told.rows, told.batches, told.outcome) == (40 + number, 3, "done")
        assert world.count(name) == 7
    assert report.is_complete
    assert report.rows == sum(step.rows for step in report.steps)
    assert [step.step for step in report.steps] == [*STEPS]
    assert prune().rows == 0


def test_every_query_that_prunes_is_in_a_step(
    prune: Prune, caplog: pytest.LogCaptureFixture
) -> None:
    ours = re.compile(r"prune|drop_partitions|create_partitions")
    with caplog.at_level(logging.DEBUG, "authority_queries.sql"):
        prune()
    told = [re.search(r"queries/(\w+)\.sql:\d+ (\w+)", m) for m in caplog.messages]
    executed = {(found[1], found[2]) for found in told if found}
    expected = {(file, name) for file, name in names_by_file() if ours.match(name)}
    assert {(file, name) for file, name in executed if ours.match(name)} == expected
    assert [*pruning_steps.STEPS] == [*async_pruning_steps.STEPS] == [*STEPS]


def test_every_batched_step_is_tested_with_rows() -> None:
    repeated = [name for name, step in pruning_steps.STEPS.items() if step.is_repeated]
    assert sorted(repeated) == REPEATED


def test_operators_may_delete_only_from_the_tables_of_steps(dba: Dba) -> None:
    found = dba.execute(
        "select relname from pg_class where relnamespace = 'authority'::regnamespace "
        "and relkind in ('r', 'p') "
        "and has_table_privilege('authority_maintenance', oid, 'delete')"
    ).fetchall()
    of_steps = {what.table for what in PRUNABLE.values()}
    # The owner's functions delete from the logs.
    assert {name for (name,) in found} == of_steps - {"login_attempts", "audit_events"}


def test_each_step_keeps_rows_for_its_retention(prune: Prune, world: World) -> None:
    world.insert("tokens", 1, -10 * DAY)
    world.insert("tokens", 1, -30 * DAY)
    world.insert("default_partition", 1, -10 * DAY)
    long = Retention(expired=20 * DAY, login_attempts=420 * DAY)
    report = prune(retention=long)
    assert (step(report, "tokens").rows, step(report, "default_partition").rows) == (
        1,
        0,
    )
    short = Retention(expired=0 * DAY, login_attempts=0 * DAY)
    world.insert("tokens", 1, LIVE)
    report = prune(retention=short)
    assert (step(report, "tokens").rows, step(report, "default_partition").rows) == (
        1,
        1,
    )
    assert world.count("tokens") == 1


def test_batches_take_at_most_their_share_of_the_time(
    prune: Prune, world: World
) -> None:
    world.insert("tokens", 30)
    begun = monotonic()
    report = prune(only=["tokens"], batch_size=1, max_load=0.2)
    worked = step(report, "tokens").seconds
    assert report.rows == 30
    assert monotonic() - begun > 4 * worked


def test_a_long_step_does_not_delay_the_others(prune: Prune, world: World) -> None:
    world.insert("used_jtis", 50)
    world.insert("revocations", 20)
    told: list[tuple[str, int]] = []
    prune(
        batch_size=10,
        only=["revocations", "used_jtis"],
        progress=lambda step: told.append((step.step, step.rows)),
    )
    assert told == [
        ("used_jtis", 10),
        ("revocations", 10),
        ("used_jtis", 20),
        ("revocations", 20),
        ("used_jtis", 30),
        ("revocations", 20),
        ("used_jtis", 40),
        ("used_jtis", 50),
        ("used_jtis", 50),
    ]


def test_a_stopped_run_reports_it_and_the_next_run_finishes(
    prune: Prune, world: World
) -> None:
    world.insert("tokens", 100)
    told: list[StepReport] = []
    report = prune(
        batch_size=10,
        only=["tokens"],
        progress=told.append,
        stop=lambda: len(told) == 4,
    )
    (stopped,) = report.steps
    assert (stopped.rows, stopped.batches, stopped.outcome) == (40, 4, "unfinished")
    assert not report.is_complete
    assert world.count("tokens") == 60
    report = prune(time_limit=timedelta(microseconds=1))
    assert {step.outcome for step in report.steps} == {"unfinished"}
    assert report.rows == 0
    assert prune(only=["tokens"], time_limit=HOUR).is_complete
    assert world.count("tokens") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"only": ["tokens", "users"]},
        {"batch_size": 0},
        {"batch_size": 100_001},
        {"time_limit": timedelta(0)},
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_done(
    prune: Prune, world: World, arguments: dict[str, Any]
) -> None:
    world.insert("tokens", 1)
    with pytest.raises(InvalidArgumentError):
        prune(**arguments)
    assert world.count("tokens") == 1


@pytest.mark.parametrize(
    "name", ["expired", "consents", "login_attempts", "audit_events", "usage"]
)
def test_a_retention_is_of_0_to_100_years(prune: Prune, name: str) -> None:
    wrong: dict[str, Any]
    for kept in (timedelta(microseconds=-1), 36_525 * DAY + timedelta(microseconds=1)):
        wrong = {name: kept}
        with pytest.raises(InvalidArgumentError, match=f"^{name} must be ") as caught:
            Retention(**wrong)
        assert caught.value.argument == name
    wrong = {name: 36_525 * DAY}
    assert prune(retention=Retention(**wrong)).is_complete


def test_months_ahead_are_at_most_120() -> None:
    for months in (-1, 121):
        with pytest.raises(
            InvalidArgumentError, match=r"^months_ahead must be "
        ) as caught:
            Retention(months_ahead=months)
        assert caught.value.argument == "months_ahead"


def test_a_login_without_the_role_prunes_nothing(logins: Logins, world: World) -> None:
    world.insert("tokens", 1)
    with (
        psycopg.connect(logins.app, autocommit=True) as connection,
        pytest.raises(PermissionDeniedError, match="is not a member of authority_main"),
    ):
        pruning.prune(Store(connection), only=["tokens"])
    assert world.count("tokens") == 1


@pytest.fixture
def reader_of_the_log(conninfo: str) -> Iterator[None]:
    """Read the log in an open transaction, as pg_dump does."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("lock table only authority.login_attempts in row share mode")
        yield


def test_a_failed_step_does_not_stop_the_others(
    prune: Prune, world: World, clock: Clock, reader_of_the_log: None
) -> None:
    clock.advance(450 * DAY)
    world.insert("tokens", 5)
    report = prune(retention=Retention(months_ahead=0))
    failed = step(report, "drop_partitions")
    assert failed.outcome == "failed"
    assert "lock timeout" in failed.error
    assert "LockNotAvailable" in failed.error
    assert not report.is_complete
    assert step(report, "create_partitions").rows == 1
    assert {step.outcome for step in report.steps} == {"done", "failed"}
    assert world.count("tokens") == 0


def test_partitions_of_the_log_are_created_ahead_and_dropped_when_too_old(
    prune: Prune, clock: Clock
) -> None:
    assert step(prune(), "create_partitions").rows == 0
    report = prune(retention=Retention(months_ahead=5))
    assert step(report, "create_partitions").rows == 2
    clock.advance(700 * DAY)
    report = prune()
    assert (
        step(report, "create_partitions").rows,
        step(report, "drop_partitions").rows,
    ) == (4, 6)
    assert report.is_complete


# Acts as a statement_timeout for batches of more than 7 rows, without the wait.
_SLOW = """
create function public.cancel() returns trigger language plpgsql as $$
begin
    if (select count(*) from gone) > 7 then
        raise exception 'too slow' using errcode = 'query_canceled';
    end if;
    return null;
end
$$;
create trigger slow after delete on authority.tokens referencing old table as gone
for each statement execute function public.cancel();
"""


def test_a_batch_that_times_out_is_retried_with_a_tenth_of_its_rows(
    prune: Prune, world: World
) -> None:
    world.dba.execute(_SLOW)
    world.insert("tokens", 20)
    told = step(prune(batch_size=500), "tokens")
    assert (told.rows, told.batches, told.outcome) == (20, 5, "done")


def test_a_timeout_of_a_single_row_is_a_failure(prune: Prune, world: World) -> None:
    world.dba.execute(_SLOW.replace("> 7", "> 0").encode())
    world.insert("tokens", 20)
    told = step(prune(), "tokens")
    assert (told.rows, told.batches, told.outcome) == (0, 0, "failed")
    assert re.match(r"too slow .*\(QueryCanceled\)$", told.error)


def test_tokens_that_reuse_detection_needs_are_kept(
    prune: Prune, store: Store, clock: Clock
) -> None:
    client = make_client(store, make_tenant(store).id)
    family = make_authorization(store, client)
    first, _ = make_token(
        store, client, "refresh", authorization_id=family.id, lifetime=HOUR
    )

    def refresh(refresh_token: NewToken, access_token: NewToken | None = None) -> str:
        return store.redemptions.refresh(
            tenant_id=client.tenant_id,
            client_id=client.client_id,
            token_hash=first.hash,
            redemption_id=uuid4(),
            refresh_token=refresh_token,
            access_token=access_token,
        ).outcome

    second, third, access = (
        mint_token(kind, client.tenant_id).hash
        for kind in ("refresh", "refresh", "access")
    )
    month = NewToken(hash=second, lifetime=30 * DAY)
    assert refresh(month, NewToken(hash=access, lifetime=HOUR)) == "redeemed"
    clock.advance(24 * HOUR)  # the first one is redeemed, and expired 23 hours ago
    report = prune(retention=Retention(expired=0 * DAY))
    assert (step(report, "tokens").rows, report.rows) == (1, 1)
    assert refresh(NewToken(hash=third, lifetime=HOUR)) == "reused"
    clock.advance(2 * HOUR)
    report = prune(retention=Retention(expired=0 * DAY))
    assert (step(report, "refresh_tokens").rows, report.rows) == (1, 1)
    clock.advance(32 * DAY)
    assert step(prune(), "authorizations").rows == 1
