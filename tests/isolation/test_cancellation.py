"""A task that is cancelled in a unit of work, at each point where it waits."""

import asyncio
import gc
import signal
from collections.abc import Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import coroutine
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries import AsyncAuthority, Authority
from authority_queries.engine.runtime import AsyncQueryFile
from tests.factories import make_tenant
from tests.isolation.services import MODES, settings_for
from tests.isolation.test_pool_leaks import LEFT, STUCK
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

SQL = """
-- name: list_all(tenant_id)
select users.username from authority.users
where users.tenant_id = :tenant_id order by users.username;

-- name: list_when_unlocked(tenant_id)
select users.username from authority.users
where
    users.tenant_id = :tenant_id
    and pg_catalog.pg_advisory_xact_lock(7)::text is not null;
"""
# A commit that waits for the holder of the lock.
SLOW_COMMIT = """
create function public.wait() returns trigger language plpgsql as $$
begin
    perform pg_catalog.pg_advisory_xact_lock(7);
    return null;
end
$$;
create constraint trigger users_wait after insert on authority.users
deferrable initially deferred for each row execute function public.wait();
"""
WAITING = """
select count(*) from pg_stat_activity
where datname = current_database() and usename = %s and wait_event_type = 'Lock'
"""


@dataclass(frozen=True, slots=True)
class Found:
    username: str


@coroutine
def cancelled_at(
    work: Coroutine[Any, Any, None], *points: int
) -> Generator[Any, Any, bool]:
    """Run the work, cancelling it at these waits. Return whether it got there."""
    task = asyncio.current_task()
    assert task is not None
    step = work.send
    thrown: Any = None
    for number in count():
        try:
            waited = step(thrown)
        except StopIteration:
            return number > points[0]
        if number in points:
            task.cancel()
        step, thrown = work.send, None
        try:
            yield waited
        except BaseException as error:
            step, thrown = work.throw, error
    raise AssertionError


@pytest.fixture
def acme(logins: Logins) -> Iterator[UUID]:
    with routed_store(logins) as store:
        yield make_tenant(store, code="acme").id


@pytest.fixture
def file(tmp_path: Path) -> AsyncQueryFile:
    path = tmp_path / "queries" / "some.sql"
    path.parent.mkdir()
    path.write_text(SQL)
    return AsyncQueryFile(path)


async def assert_nothing_is_left(authority: AsyncAuthority) -> None:
    async with authority._lend() as connection:
        assert connection.autocommit
        assert connection.info.transaction_status == TransactionStatus.IDLE
        assert connection.pgconn.pipeline_status == PipelineStatus.OFF
        left = await (await connection.execute(LEFT)).fetchone()
        assert left == ("", "authority_app", 0)


async def work(
    authority: AsyncAuthority, acme: UUID, file: AsyncQueryFile, mode: dict[str, Any]
) -> None:
    """Do a bit of everything, so that there are many points to wait at."""
    async with authority.tenant(acme, **mode) as store:
        await store.users.create(tenant_id=acme, username="ann")
        async with store.connection.transaction():
            await store.users.create(tenant_id=acme, username="bob")
        list_all = file.stream("list_all", Found)
        async with list_all(store.connection, 1, tenant_id=acme) as users:
            assert [user async for user in users] == [Found("ann"), Found("bob")]
        async with store.connection.pipeline():
            await store.users.create(tenant_id=acme, username="cyd")


# psycopg warns of a cursor whose closing was cancelled, and Python of its generators,
# which cannot end when the connection is closed.
@pytest.mark.filterwarnings("ignore:<.*ServerCursor:ResourceWarning")
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <generator object BasePipeline"
    ":pytest.PytestUnraisableExceptionWarning"
)
@MODES
@pytest.mark.parametrize("again_after", [(), (1,), (2,)])
def test_a_cancelled_unit_leaves_nothing_wherever_it_waits(
    *,
    logins: Logins,
    acme: UUID,
    file: AsyncQueryFile,
    dba: "psycopg.Connection[Any]",
    mode: dict[str, Any],
    again_after: tuple[int, ...],
) -> None:
    async def play() -> tuple[int, set[str]]:
        outcomes: set[str] = set()
        async with AsyncAuthority.open(settings_for(logins.app)) as authority:
            for point in count():
                points = (point, *(point + more for more in again_after))
                unit = work(authority, acme, file, mode)
                task = asyncio.ensure_future(cancelled_at(unit, *points))
                await asyncio.wait([task])
                outcome = outcome_of(task)
                await assert_nothing_is_left(authority)
                left = dba.execute("delete from authority.users").rowcount
                if not mode:
                    assert left in (0, 3)
                if outcome == "not reached":
                    assert left == 3
                    return point, outcomes
                outcomes.add(outcome)
        raise AssertionError

    points, outcomes = asyncio.run(play())
    gc.collect()
    assert points > 5
    assert outcomes == {"cancelled"}


def outcome_of(task: "asyncio.Task[bool]") -> str:
    if task.cancelled():
        return "cancelled"
    if error := task.exception():
        return type(error).__name__
    return "too late" if task.result() else "not reached"


@pytest.mark.parametrize("place", ["statement", "stream", "commit"])
@MODES
def test_a_unit_that_is_cancelled_while_the_server_works_leaves_nothing(
    *,
    logins: Logins,
    acme: UUID,
    file: AsyncQueryFile,
    dba: "psycopg.Connection[Any]",
    login_names: dict[str, str],
    mode: dict[str, Any],
    place: str,
) -> None:
    login = login_names["app"]
    dba.execute(
        "insert into authority.users (tenant_id, username, username_key) "
        "values (%s, 'bob', 'bob')",
        (acme,),
    )
    if place != "stream":
        dba.execute(SLOW_COMMIT.encode())

    async def stuck(authority: AsyncAuthority) -> None:
        async with authority.tenant(acme, **mode) as store:
            if place == "stream":
                stream = file.stream("list_when_unlocked", Found)
                async with stream(store.connection, 1, tenant_id=acme) as users:
                    assert [user async for user in users] == []
            if place == "statement":
                await store.connection.execute("set constraints all immediate")
            await store.users.create(tenant_id=acme, username="ann")

    async def play() -> None:
        async with AsyncAuthority.open(settings_for(logins.app)) as authority:
            for _ in range(3):
                async with held(logins, 7):
                    task = asyncio.create_task(stuck(authority))
                    while dba.execute(WAITING, (login,)).fetchone() != (1,):
                        await asyncio.sleep(0)
                        assert not task.done()
                    task.cancel()
                    await asyncio.wait([task])
                    assert task.cancelled()
                    await assert_nothing_is_left(authority)
                    assert dba.execute(STUCK, (login,)).fetchone() == (0,)
                told = dba.execute("select username from authority.users")
                assert told.fetchall() == [("bob",)]

    asyncio.run(play())


@asynccontextmanager
async def held(logins: Logins, lock: int) -> Any:
    """Hold an advisory lock."""
    connection = await psycopg.AsyncConnection.connect(logins.dba)
    async with connection:
        await connection.execute("select pg_advisory_xact_lock(%s)", (lock,))
        yield


@pytest.mark.usefixtures("ctrl_c")
@MODES
def test_ctrl_c_while_the_server_works_leaves_nothing(
    logins: Logins,
    acme: UUID,
    dba: "psycopg.Connection[Any]",
    login_names: dict[str, str],
    mode: dict[str, Any],
) -> None:
    login = login_names["app"]
    dba.execute(SLOW_COMMIT.encode())

    def interrupt() -> None:
        while dba.execute(WAITING, (login,)).fetchone() != (1,):
            pass
        signal.raise_signal(signal.SIGINT)  # the main thread gets it

    with (
        Authority.open(settings_for(logins.app)) as authority,
        psycopg.connect(logins.dba) as holder,
        ThreadPoolExecutor(1) as threads,
    ):
        for _ in range(3):
            holder.execute("select pg_advisory_xact_lock(7)")
            interrupted = threads.submit(interrupt)
            with (
                pytest.raises(KeyboardInterrupt),
                authority.tenant(acme, **mode) as store,
            ):
                store.users.create(tenant_id=acme, username="ann")
            interrupted.result()
            holder.rollback()
            assert dba.execute("delete from authority.users").rowcount == 0
            with authority._lend() as connection:
                assert connection.execute(LEFT).fetchone() == ("", "authority_app", 0)
