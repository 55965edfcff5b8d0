"""A follower leaves no connection and no thread, however it ends."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from datetime import timedelta
from itertools import count
from time import monotonic

import pytest

from authority_queries import AsyncAuthority, Authority, Settings
from authority_queries.errors import ClosedError, NestedUnitError
from tests.factories import HOUR
from tests.flows.followers import PATIENCE, Feed, publish
from tests.isolation.test_cancellation import cancelled_at, outcome_of

SOON = timedelta(milliseconds=10)


@pytest.fixture
def feed(feed: Feed) -> Feed:
    """A feed with three entries."""
    feed.publish("1", "2", "3")
    return feed


def test_the_pool_is_free_while_a_follower_waits(
    settings: Settings, feed: Feed, connections: Callable[[], int]
) -> None:
    """The pool has one connection, which the loop's body and other threads can use."""
    with (
        Authority.open(settings) as authority,
        closing(authority.follow_revocations(feed.tenant_id)) as entries,
    ):
        for entry in entries:
            with authority.tenant(feed.tenant_id, autocommit=True) as store:
                if entry.sequence < 10:
                    publish(store, feed.tenant_id)
            if entry.sequence == 10:
                break
        assert connections() == 2

    async def play() -> None:
        async with (
            AsyncAuthority.open(settings) as authority,
            aclosing(authority.follow_revocations(feed.tenant_id, after=12)) as entries,
        ):
            waiting = asyncio.ensure_future(anext(entries))
            await asyncio.to_thread(feed.wait_for_listeners, 1)
            async with authority.tenant(feed.tenant_id) as store:
                await store.revocations.publish(
                    tenant_id=feed.tenant_id, category="key", target="k", reason="r"
                )
                newest = await store.revocations.get_position(tenant_id=feed.tenant_id)
            assert (await waiting).sequence == newest == 13

    asyncio.run(play())


def test_a_follower_cannot_begin_inside_a_unit_of_work(
    settings: Settings, feed: Feed
) -> None:
    with (
        Authority.open(settings) as authority,
        closing(authority.follow_revocations(feed.tenant_id)) as entries,
        authority.tenant(feed.tenant_id),
        pytest.raises(NestedUnitError),
    ):
        next(entries)


def test_a_follower_ends_with_its_pool(
    settings: Settings, feed: Feed, connections: Callable[[], int]
) -> None:
    with Authority.open(settings) as authority:
        entries = authority.follow_revocations(
            feed.tenant_id, after=2, poll_interval=SOON
        )
        assert next(entries).sequence == 3
    with pytest.raises(ClosedError):
        next(entries)
    wait_for(0, connections)


def test_a_closed_or_dropped_follower_leaves_no_connection(
    settings: Settings, feed: Feed, connections: Callable[[], int]
) -> None:
    threads = threading.active_count()
    with Authority.open(settings) as authority:
        for _ in range(5):
            for entry in authority.follow_revocations(feed.tenant_id):
                assert entry.sequence == 1
                break
            closed = authority.follow_revocations(feed.tenant_id)
            assert next(closed).sequence == 1
            closed.close()
            authority.follow_revocations(feed.tenant_id).close()
        wait_for(1, connections)
        assert feed.listeners() == []
    assert threading.active_count() == threads


def test_a_cancelled_follower_leaves_nothing_wherever_it_waits(
    settings: Settings, feed: Feed, connections: Callable[[], int]
) -> None:
    async def work(authority: AsyncAuthority) -> None:
        newest = await newest_of(authority)
        followed = authority.follow_revocations(
            feed.tenant_id, after=newest - 1, poll_interval=HOUR
        )
        async with aclosing(followed) as entries:
            assert (await anext(entries)).sequence == newest
            async with authority.tenant(feed.tenant_id) as store:
                await store.revocations.publish(
                    tenant_id=feed.tenant_id, category="key", target="k", reason="r"
                )
            # The follower waits for the hint, and reads again.
            assert (await anext(entries)).sequence == newest + 1

    async def newest_of(authority: AsyncAuthority) -> int:
        async with authority.tenant(feed.tenant_id, autocommit=True) as store:
            return await store.revocations.get_position(tenant_id=feed.tenant_id)

    async def play() -> int:
        outcomes = set()
        async with AsyncAuthority.open(settings) as authority:
            for point in count():
                task = asyncio.ensure_future(cancelled_at(work(authority), point))
                await asyncio.wait([task])
                await newest_of(authority)
                wait_for(1, connections)
                outcomes.add(outcome_of(task))
                if outcome_of(task) == "not reached":
                    assert outcomes == {"cancelled", "not reached"}
                    return point
        raise AssertionError

    # The number of waits depends on the server's speed.
    assert asyncio.run(play()) > 3


def wait_for(value: object, current: Callable[[], object]) -> None:
    """Wait for the value: the server drops a closed connection a moment later."""
    deadline = monotonic() + PATIENCE
    while (now := current()) != value:
        assert monotonic() < deadline, f"{now}, not {value}"


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("listen", [True, False])
def test_ctrl_c_while_a_follower_waits_leaves_nothing(
    *,
    settings: Settings,
    feed: Feed,
    connections: Callable[[], int],
    caplog: pytest.LogCaptureFixture,
    listen: bool,
) -> None:
    caplog.set_level(logging.DEBUG, "authority_queries.sql")
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        # This is the last call before the follower waits.
        while not any("get_position" in line for line in caplog.messages):
            pass
        signal.pthread_kill(main, signal.SIGINT)

    with Authority.open(settings) as authority, ThreadPoolExecutor(1) as threads:
        followed = authority.follow_revocations(
            feed.tenant_id, after=3, poll_interval=HOUR, listen=listen
        )
        with closing(followed) as entries:
            interrupted = threads.submit(interrupt)
            with pytest.raises(KeyboardInterrupt):
                next(entries)
            interrupted.result()
        # It is the pool's own, unless it came while that one was in use.
        wait_for("the pool's", lambda: "the pool's" if connections() <= 1 else "more")
        assert feed.listeners() == []
