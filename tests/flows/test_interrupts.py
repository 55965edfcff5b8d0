"""Threads and tasks that are interrupted anywhere lose no connection."""

import asyncio
import gc
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import count, cycle
from random import Random
from types import FrameType
from typing import Any
from uuid import UUID

import psycopg
import pytest

from authority_queries import AsyncAuthority, Authority, Settings, Store
from authority_queries.errors import InvalidArgumentError
from tests.factories import make_tenant
from tests.isolation.services import MODES, settings_for
from tests.stores import Logins

# Warnings about objects that psycopg leaves behind where it is interrupted, and that
# are collected meanwhile.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


class SoftLimitError(Exception):
    """An error that a signal's handler may raise."""


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Log nothing: an interrupt inside `logging` leaves its locks taken for good."""
    logging.disable()
    # The logger remembers the answer from here on, and needs no lock for it.
    logging.getLogger("authority_queries.sql").isEnabledFor(logging.DEBUG)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def tenant_id(store: Store) -> UUID:
    return make_tenant(store).id


@contextmanager
def interrupted_at(point: int, kind: type[BaseException]) -> Iterator[list[int]]:
    """Raise a signal handler's error at one of the points where a handler can run.

    Python looks for signals when a function begins, and after a call of C.
    """
    points = [0]

    def at(frame: FrameType, event: str, _: object) -> None:
        if event in ("call", "c_return"):
            points[0] += 1
            if points[0] == point:
                sys.setprofile(None)
                raise kind

    sys.setprofile(at)
    try:
        yield points
    finally:
        sys.setprofile(None)


def outcomes_of(
    work: Callable[[], None], rest: Callable[[], None], step: int
) -> "Counter[str]":
    """Repeat the work until it has been interrupted at every point."""
    outcomes: Counter[str] = Counter()
    kinds = cycle((KeyboardInterrupt, SoftLimitError))
    for point, kind in zip(count(1, step), kinds, strict=False):
        try:
            with interrupted_at(point, kind) as points:
                work()
        except kind:
            outcomes["interrupted"] += 1
        except Exception as error:
            outcomes[repr(error)] += 1
        else:
            if points[0] < point:
                return outcomes
            outcomes["done"] += 1  # it came while garbage was collected
        rest()
    raise AssertionError


@MODES
def test_a_unit_that_is_interrupted_anywhere_loses_no_connection(
    logins: Logins, tenant_id: UUID, mode: dict[str, Any]
) -> None:
    settings = settings_for(logins.app, pool_timeout=3.0)
    with Authority.open(settings) as authority:

        def work() -> None:
            with authority.tenant(tenant_id, **mode) as store:
                store.tokens.get_by_hash(tenant_id=tenant_id, token_hash=bytes(32))

        outcomes = outcomes_of(work, rest=work, step=3)
    assert outcomes["interrupted"] > 100
    assert set(outcomes) <= {"interrupted", "done"}


def test_an_interrupted_unit_leaves_an_own_connection_free_for_the_next(
    logins: Logins, tenant_id: UUID
) -> None:
    connection = psycopg.connect(logins.app, autocommit=True)

    def work() -> None:
        with Store.unit(connection, tenant_id) as store:
            store.tokens.get_by_hash(tenant_id=tenant_id, token_hash=bytes(32))

    def rest() -> None:
        nonlocal connection
        try:
            work()
        except (psycopg.Error, InvalidArgumentError):
            # psycopg or the unit's end was interrupted: its owner replaces it.
            connection.close()
            connection = psycopg.connect(logins.app, autocommit=True)
            work()

    outcomes = outcomes_of(work, rest, step=5)
    connection.close()
    assert outcomes["interrupted"] > 50
    assert set(outcomes) <= {"interrupted", "done"}


def test_a_storm_of_cancellations_leaves_every_connection_free(
    logins: Logins, tenant_id: UUID
) -> None:
    outcomes: Counter[str] = Counter()
    chance = Random(7)  # noqa: S311 -- it is no secret
    settings = settings_for(logins.app, pool_max_size=4, pool_timeout=10.0)

    async def work(authority: AsyncAuthority) -> None:
        autocommit = chance.random() < 0.5
        async with authority.tenant(tenant_id, autocommit=autocommit) as store:
            await store.users.list(tenant_id=tenant_id)

    async def cancel(authority: AsyncAuthority) -> None:
        while outcomes["cancelled"] < 1000:
            task = asyncio.create_task(work(authority))
            for _ in range(chance.choice((1, 1, 2))):
                await asyncio.sleep(chance.random() * 0.005)
                task.cancel()
            await asyncio.wait([task])
            outcomes[outcome_of(task)] += 1

    async def play(settings: Settings) -> None:
        async with AsyncAuthority.open(settings) as authority:
            await asyncio.gather(*(cancel(authority) for _ in range(8)))
            assert len(authority._pool._slots._waiting) == 0
            async with AsyncExitStack() as stack:
                for _ in range(settings.pool_max_size):
                    await stack.enter_async_context(authority._lend())

    asyncio.run(play(settings))
    gc.collect()
    assert set(outcomes) <= {"cancelled", "done"}, outcomes


def outcome_of(task: "asyncio.Task[None]") -> str:
    if task.cancelled():
        return "cancelled"
    return type(task.exception()).__name__ if task.exception() else "done"
