"""Calls of a verifier race with what ends their tokens: no stale answer is given.

An answer is stale if its call began after the verifier had read the entry that ends the
token. Before that it may be given; the figures have how long it was.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count, cycle
from random import Random, uniform
from threading import Event
from time import monotonic, sleep
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.records import Client, VerifiedToken
from tests.factories import (
    make_authorization,
    make_client,
    make_tenant,
    make_token,
    make_user,
)
from tests.flows.token_families import refresh
from tests.flows.verifiers import FORMS, AsyncOpened, Opened, statistics, warm
from tests.isolation.services import settings_for
from tests.stores import Logins, routed_store

TENANTS, USERS = 3, 16
AT_ONCE = 100  # calls of a caller before it pauses: spinning threads starve others
PAUSE = 0.01  # seconds between two ends
GRACE = 0.5  # seconds for a call that was suspended by a busy machine
_NEWEST = (
    "select last_sequence from authority.revocation_sequences where tenant_id = %s"
)
_seeds = count(1)
End = Callable[[Store], object]
Victims = list[tuple[End, list[str], UUID]]


@dataclass
class Ledger:
    """Which tokens are dead: the number of the last entry, and since when."""

    dead: dict[str, tuple[int, float]] = field(default_factory=dict)
    calls: int = 0
    stale: int = 0
    late: float = 0.0  # the longest time for which a dead token was accepted

    def judge(
        self,
        known: tuple[int, float] | None,
        read: float,
        began: float,
        found: VerifiedToken | None,
    ) -> None:
        """Count the answer of a call that began then, when `read` had been read."""
        self.calls += 1
        if found is None or known is None:
            return
        number, dead_since = known
        self.stale += read >= number
        self.late = max(self.late, began - dead_since)


def arranged(store: Store) -> tuple[list[str], Victims]:
    """Make tokens, and the calls that end them."""
    strings: list[str] = []
    ends: Victims = []
    for _ in range(TENANTS):
        client = make_client(store, make_tenant(store).id)
        of_tenant: list[str] = []
        for number in range(USERS):
            end, tokens = victim(store, client, number)
            ends.append((end, tokens, client.tenant_id))
            of_tenant += tokens
        others = [make_token(store, client)[0].token for _ in range(2)]
        ends.append((suspension(client.tenant_id), others, client.tenant_id))
        strings += of_tenant + others
    return strings, ends


def suspension(tenant_id: UUID) -> End:
    return lambda store: store.tenants.suspend(tenant_id=tenant_id)


def victim(store: Store, client: Client, number: int) -> tuple[End, list[str]]:
    """Make a user with a family and its tokens, and one of four ways to end them."""
    of_tenant: dict[str, Any] = {"tenant_id": client.tenant_id}
    user = make_user(store, client.tenant_id)
    family = make_authorization(store, client, user_id=user.id)
    own: dict[str, Any] = {"user_id": user.id, "authorization_id": family.id}
    access, token = make_token(store, client, **own)
    used, _ = make_token(store, client, type="refresh", **own)
    ways: list[End] = [
        lambda store: store.tokens.revoke_by_id(
            **of_tenant, token_id=token.id, reason="stolen"
        ),
        lambda store: store.users.revoke_tokens(**of_tenant, user_id=user.id),
        lambda store: store.authorizations.revoke(
            **of_tenant, authorization_id=family.id, reason="withdrawn"
        ),
        # Rotated, then reused.
        lambda store: [refresh(store, client, used, uuid4()) for _ in range(2)],
    ]
    return ways[number % len(ways)], [access.token]


def end_all(logins: Logins, ends: Victims, ledger: Ledger, stop: Event) -> None:
    with (
        routed_store(logins) as store,
        psycopg.connect(logins.dba, autocommit=True) as dba,
    ):
        try:
            for end, strings, tenant_id in ends:
                end(store)
                dead_since = monotonic()
                row = dba.execute(_NEWEST, [tenant_id]).fetchone()
                assert row is not None
                for string in strings:
                    ledger.dead[string] = row[0], dead_since
                sleep(PAUSE)
            sleep(GRACE)
        finally:
            stop.set()


def read_by(verifier: Opened, string: str, tenants: dict[str, UUID]) -> float:
    """Return which entries of the token's tenant the verifier has read."""
    feed = verifier.subject._cache.feeds.get(tenants[string])
    return -1 if feed is None else feed.position


def calls(
    verifier: Opened, strings: list[str], tenants: dict[str, UUID], ledger: Ledger
) -> Iterator[tuple[str, Callable[[VerifiedToken | None], None]]]:
    """Yield tokens in a random order, each with the judge of its answer."""
    order = shuffled(strings, next(_seeds))
    for string in cycle(order):
        read = read_by(verifier, string, tenants)
        known, began = ledger.dead.get(string), monotonic()
        yield string, partial(ledger.judge, known, read, began)


def shuffled(items: list[Any], seed: int) -> list[Any]:
    order = items[:]
    Random(seed).shuffle(order)  # noqa: S311 -- not a secret
    return order


def delay_answers(verifier: Opened) -> None:
    """Let the answers of the database travel for up to 50 ms."""
    ask: Any = verifier.subject._ask

    def delay() -> float:
        return uniform(0, 0.05)  # noqa: S311 -- not a secret

    def asked(tenant_id: UUID, digest: bytes) -> Any:
        found = ask(tenant_id, digest)
        sleep(delay())
        return found

    async def asked_async(tenant_id: UUID, digest: bytes) -> Any:
        found = await ask(tenant_id, digest)
        await asyncio.sleep(delay())
        return found

    is_async = asyncio.iscoroutinefunction(ask)
    verifier.subject._ask = asked_async if is_async else asked


def call_often(verifier: Opened, stop: Event, *world: Any) -> None:
    for number, (string, judge) in enumerate(calls(verifier, *world)):
        judge(verifier.verify(string))
        if stop.is_set():
            return
        if number % AT_ONCE == 0:
            sleep(0.001)


def call_often_async(verifier: AsyncOpened, stop: Event, *world: Any) -> None:
    verify: Any = verifier.subject.verify_token

    async def call() -> None:
        for number, (string, judge) in enumerate(calls(verifier, *world)):
            judge(await verify(string))
            if stop.is_set():
                return
            if number % AT_ONCE == 0:
                await asyncio.sleep(0.001)

    verifier.run(call())


CALL: dict[str, Callable[..., None]] = {"sync": call_often, "async": call_often_async}
CALLERS = {"kept": 4, "dropped": 16, "polled": 4}
# Answers stay, or most calls are trips that race with the feed.
LIMITS: dict[str, dict[str, Any]] = {
    "kept": {},
    "dropped": {
        "max_age": timedelta(seconds=0.05),
        "max_tokens": 2 * USERS,
        "refused_for": timedelta(0),
    },
    "polled": {"listen": False, "poll_interval": timedelta(seconds=0.1)},
}


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("form", FORMS)
def test_no_answer_is_stale_once_the_entry_was_read(
    form: str, limits: str, logins: Logins, dba: Any, figures: list[str]
) -> None:
    with routed_store(logins) as store:
        strings, ends = arranged(store)
    dba.execute("analyze")
    tenants = {string: tenant for _, each, tenant in ends for string in each}
    ends = shuffled(ends, 0)
    ends.sort(key=lambda end: len(end[1]))  # the suspensions come last
    ledger, stop = Ledger(), Event()
    settings = settings_for(logins.app, pool_max_size=4)
    callers = CALLERS[limits]
    with (
        FORMS[form](settings, **LIMITS[limits]) as verifier,
        ThreadPoolExecutor(callers + 1) as threads,
    ):
        warm(verifier, *strings[:: USERS + 2])
        if limits == "dropped":
            delay_answers(verifier)
        world = (strings, tenants, ledger)
        running = [
            threads.submit(CALL[form], verifier, stop, *world) for _ in range(callers)
        ]
        running.append(threads.submit(end_all, logins, ends, ledger, stop))
        for each in running:
            each.result()
        counts = statistics(verifier)
    figures.append(
        f"verifier ({form}, {limits}): {callers} callers, {len(ends)} ends, "
        f"{ledger.calls} calls, {counts.hits} from memory, {counts.repeats} repeated "
        f"trips, {ledger.stale} stale answers after the entry was read; a dead token "
        f"was accepted for {1000 * ledger.late:.0f} ms at most"
    )
    assert ledger.stale == 0
    assert len(ledger.dead) == len(strings)
    bound = verifier.subject._cache.limits
    assert ledger.late <= min(bound.max_age, bound.max_staleness) + GRACE
    if limits == "dropped":
        assert counts.misses > 100
    else:
        assert counts.hits > counts.misses
