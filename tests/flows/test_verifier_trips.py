"""Calls for one token share a trip, and an entry that is read during it counts."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from authority_queries import AsyncAuthority, Settings, Store
from authority_queries.errors import ClosedError, UnavailableError
from authority_queries.records import Client, Token
from authority_queries.secrets import TokenString
from tests.factories import HOUR, make_client, make_tenant, make_token
from tests.flows.verifiers import (
    FORMS,
    PATIENCE,
    Loop,
    Opened,
    opened_sync,
    statistics,
    until,
    warm,
)
from tests.isolation.services import settings_for
from tests.stores import Logins

CALLERS = 8
Opener = Callable[..., Any]
both_forms = pytest.mark.parametrize("opened", FORMS.values(), ids=FORMS)


@pytest.fixture
def client(store: Store) -> Client:
    return make_client(store, make_tenant(store).id)


@pytest.fixture
def issued(store: Store, client: Client) -> tuple[TokenString, Token]:
    return make_token(store, client)


@pytest.fixture
def string(issued: tuple[TokenString, Token]) -> str:
    return issued[0].token


@pytest.fixture
def pool(logins: Logins) -> Settings:
    return settings_for(logins.app, pool_max_size=4)


class Slow:
    """Holds the verifier's trips after the database has answered."""

    def __init__(self, verifier: Opened, *, only: bytes | None = None) -> None:
        self.answered, self.go_on = Event(), Event()
        self.trips = 0
        self.error: BaseException | None = None
        ask: Any = verifier.subject._ask

        def hold(found: Any) -> Any:
            self.trips += 1
            self.answered.set()
            assert self.go_on.wait(PATIENCE)
            if self.error is not None:
                raise self.error
            return found

        def asked(tenant_id: UUID, digest: bytes) -> Any:
            found = ask(tenant_id, digest)
            return hold(found) if only in (None, digest) else found

        async def asked_async(tenant_id: UUID, digest: bytes) -> Any:
            found = await ask(tenant_id, digest)
            if only not in (None, digest):
                return found
            return await asyncio.to_thread(hold, found)

        is_async = asyncio.iscoroutinefunction(ask)
        verifier.subject._ask = asked_async if is_async else asked


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CALLERS) as threads:
        yield threads


def followed(verifier: Opened, string: str) -> None:
    """Follow the tenant, and forget the token."""
    warm(verifier, string)
    verifier.subject._cache.answers.clear()


@both_forms
def test_an_entry_that_is_read_during_a_trip_refuses_its_answer(
    *,
    opened: Opener,
    pool: Settings,
    store: Store,
    issued: tuple[TokenString, Token],
    threads: ThreadPoolExecutor,
) -> None:
    minted, token = issued
    with opened(pool) as verifier:
        followed(verifier, minted.token)
        slow = Slow(verifier)
        calls = [threads.submit(verifier.verify, minted.token) for _ in range(3)]
        assert slow.answered.wait(PATIENCE)  # it is alive, says the database
        store.tokens.revoke_by_id(
            tenant_id=minted.tenant_id, token_id=token.id, reason="stolen"
        )
        (feed,) = verifier.subject._cache.feeds.values()
        until(lambda: feed.position == 1, "the entry")
        slow.go_on.set()
        assert [call.result(PATIENCE) for call in calls] == [None] * 3
        assert (slow.trips, statistics(verifier).repeats) == (2, 1)
        assert statistics(verifier).tokens == 0


@both_forms
def test_an_entry_before_the_first_read_of_the_feed_refuses_a_trip_too(
    *,
    opened: Opener,
    pool: Settings,
    store: Store,
    client: Client,
    issued: tuple[TokenString, Token],
    threads: ThreadPoolExecutor,
) -> None:
    """The trip began before the tenant was followed, and the feed begins later."""
    minted, token = issued
    other, _ = make_token(store, client)
    with opened(pool) as verifier:
        slow = Slow(verifier, only=minted.hash)
        call = threads.submit(verifier.verify, minted.token)
        assert slow.answered.wait(PATIENCE)
        store.tokens.revoke_by_id(
            tenant_id=minted.tenant_id, token_id=token.id, reason="stolen"
        )
        assert verifier.verify(other.token) is not None
        assert statistics(verifier).tenants == 1
        slow.go_on.set()
        assert call.result(PATIENCE) is None
        assert (slow.trips, statistics(verifier).repeats) == (2, 1)


@both_forms
def test_calls_for_one_token_share_one_trip(
    opened: Opener, pool: Settings, string: str, threads: ThreadPoolExecutor
) -> None:
    with opened(pool) as verifier:
        followed(verifier, string)
        slow = Slow(verifier)
        before = statistics(verifier)
        calls = [threads.submit(verifier.verify, string) for _ in range(CALLERS)]
        until(
            lambda: statistics(verifier).shared == before.shared + CALLERS - 1,
            "the others",
        )
        slow.go_on.set()
        (found,) = {id(call.result(PATIENCE)) for call in calls}
        assert found == id(verifier.verify(string))
        assert slow.trips == 1


@both_forms
def test_an_error_is_shared_and_not_kept(
    opened: Opener, pool: Settings, string: str, threads: ThreadPoolExecutor
) -> None:
    with opened(pool) as verifier:
        followed(verifier, string)
        slow = Slow(verifier)
        slow.error = UnavailableError("for this test")
        calls = [threads.submit(verifier.verify, string) for _ in range(CALLERS)]
        until(lambda: statistics(verifier).shared == CALLERS - 1, "the others")
        slow.go_on.set()
        for call in calls:
            with pytest.raises(UnavailableError, match="for this test"):
                call.result(PATIENCE)
        slow.error = None
        assert verifier.verify(string) is not None
        assert (slow.trips, statistics(verifier).tokens) == (2, 1)


def test_a_cancelled_call_leaves_its_trip_to_another_one(
    pool: Settings, string: str
) -> None:
    async def play(loop: Loop) -> tuple[int, int]:
        async with (
            AsyncAuthority.open(pool) as authority,
            authority.verifier() as verifier,
        ):
            ask, began, go_on = verifier._ask, asyncio.Event(), asyncio.Event()
            trips = 0

            async def asked(tenant_id: UUID, digest: bytes) -> Any:
                nonlocal trips
                trips += 1
                began.set()
                await go_on.wait()
                return await ask(tenant_id, digest)

            verifier._ask = asked
            calls = [
                asyncio.create_task(verifier.verify_token(string))
                for _ in range(CALLERS)
            ]
            await began.wait()
            calls[0].cancel()  # it flies
            calls[1].cancel()  # it waits
            await asyncio.wait(calls[:2])
            go_on.set()
            found = await asyncio.gather(*calls[2:])
            assert [call.cancelled() for call in calls[:2]] == [True, True]
            return trips, sum(each is not None for each in found)

    with Loop.running() as loop:
        assert loop.run(play(loop)) == (2, CALLERS - 2)


@both_forms
def test_calls_that_wait_get_their_answer_when_the_verifier_closes(
    opened: Opener, pool: Settings, string: str, threads: ThreadPoolExecutor
) -> None:
    with opened(pool, poll_interval=HOUR, max_staleness=2 * HOUR) as verifier:
        followed(verifier, string)
        slow = Slow(verifier)
        calls = [threads.submit(verifier.verify, string) for _ in range(3)]
        until(lambda: statistics(verifier).shared == 2, "the others")
        verifier.close()
        slow.go_on.set()
        assert all(call.result(PATIENCE) is not None for call in calls)
        assert statistics(verifier).tokens == 0
        with pytest.raises(ClosedError):
            verifier.verify(string)


def test_a_ring_that_is_lost_delays_a_call_and_no_more(
    pool: Settings, string: str, threads: ThreadPoolExecutor
) -> None:
    with opened_sync(pool) as verifier:
        slow = Slow(verifier)
        calls = [threads.submit(verifier.verify, string) for _ in range(2)]
        until(lambda: statistics(verifier).shared == 1, "the other")
        (flight,) = verifier.subject._cache.flights.values()
        flight.waiting.clear()
        slow.go_on.set()
        assert all(call.result(PATIENCE) is not None for call in calls)
