"""Pushed requests and jtis under real concurrency; every outcome is counted."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import chain
from threading import Barrier, Event
from typing import Any, TypeAlias, TypeVar
from uuid import UUID, uuid4

import psycopg

from authority_queries import Store
from authority_queries.testing import Clock
from tests.factories import make_client, make_pushed_request, make_tenant
from tests.flows.races import both_units, race
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
Item = TypeVar("Item")
MINUTE = timedelta(minutes=1)


def in_step(racers: int, rounds: list[Item]) -> Callable[[], Iterator[Item]]:
    """Start each round when all racers have arrived."""
    barrier = Barrier(racers)

    def each() -> Iterator[Item]:
        for item in rounds:
            barrier.wait(timeout=60)
            yield item

    return each


def test_16_redeemers_of_50_requests_win_50_times(store: Store, logins: Logins) -> None:
    client = make_client(store, make_tenant(store).id)
    references = [make_pushed_request(store, client)[0] for _ in range(50)]
    rounds = in_step(16, references)

    def redeem_all(store: Store) -> list[UUID]:
        session = uuid4()
        redeemed = (
            store.pushed_requests.redeem(
                tenant_id=client.tenant_id,
                request_uri_hash=reference.hash,
                client_id=client.client_id,
                redemption_id=session,
            )
            for reference in rounds()
        )
        return [request.id for request in redeemed if request is not None]

    won = race(logins, client.tenant_id, [redeem_all] * 16)
    times = Counter(chain.from_iterable(won))
    assert (len(times), times.total()) == (50, 50)
    assert sum(bool(mine) for mine in won) > 1


@both_units
def test_one_session_that_redeems_8_times_at_once_gets_the_request_8_times(
    store: Store, logins: Logins, *, autocommit: bool
) -> None:
    client = make_client(store, make_tenant(store).id)
    for _ in range(5):
        reference, pushed = make_pushed_request(store, client)

        def redeem(store: Store, hash_: bytes = reference.hash) -> object:
            return store.pushed_requests.redeem(
                tenant_id=client.tenant_id,
                request_uri_hash=hash_,
                client_id=client.client_id,
                redemption_id=UUID(int=1),
            )

        given = race(logins, client.tenant_id, [redeem] * 8, autocommit=autocommit)
        assert len(set(map(repr, given))) == 1
        assert str(pushed.id) in repr(given[0])


def use(store: Store, tenant_id: UUID, jti: str) -> bool:
    return store.used_jtis.use(
        tenant_id=tenant_id,
        kind="client_assertion",
        issuer="app",
        jti=jti,
        expires_at=datetime.now(UTC) + 10 * MINUTE,
    )


def test_each_of_50_jtis_is_new_to_one_of_16_users(
    store: Store, logins: Logins
) -> None:
    tenant_id = make_tenant(store).id
    rounds = in_step(16, [f"jti-{n}" for n in range(50)])

    def use_all(store: Store) -> list[str]:
        return [jti for jti in rounds() if use(store, tenant_id, jti)]

    used = race(logins, tenant_id, [use_all] * 16)
    times = Counter(chain.from_iterable(used))
    assert (len(times), times.total()) == (50, 50)
    assert sum(bool(mine) for mine in used) > 1


@both_units
def test_an_expired_jti_is_new_to_one_of_16_users(
    store: Store, logins: Logins, clock: Clock, *, autocommit: bool
) -> None:
    tenant_id = make_tenant(store).id
    assert use(store, tenant_id, "jti")
    clock.advance(11 * MINUTE)

    def use_again(store: Store) -> bool:
        return store.used_jtis.use(
            tenant_id=tenant_id,
            kind="client_assertion",
            issuer="app",
            jti="jti",
            expires_at=datetime.now(UTC) + 20 * MINUTE,
        )

    used = race(logins, tenant_id, [use_again] * 16, autocommit=autocommit)
    assert Counter(used) == {True: 1, False: 15}


def test_8_pruners_beside_8_users_accept_no_jti_twice(
    store: Store, dba: Dba, logins: Logins
) -> None:
    """200 of 600 jtis are live, 200 are new, and 200 expired long enough ago to go."""
    tenant_id = make_tenant(store).id
    jtis = [f"{age}-{n}" for n in range(200) for age in ("live", "new", "old")]
    for jti in jtis:
        assert jti.startswith("new") or use(store, tenant_id, jti)
    dba.execute(
        "update authority.used_jtis set created_at = created_at - interval '1 hour', "
        "expires_at = expires_at - interval '1 hour' where jti_hash = any(%s)",
        [[*map(_digest, filter(lambda jti: jti.startswith("old"), jtis))]],
    )
    done, start = Event(), Barrier(16)

    def prune() -> int:
        pruned = 0
        with psycopg.connect(logins.maintenance, autocommit=True) as connection:
            start.wait(timeout=60)
            while not done.is_set():
                pruned += Store(connection).used_jtis.prune_expired(batch_size=1)
        return pruned

    def use_all(place: int) -> Callable[[Store], list[str]]:
        mine = jtis[place * 75 :] + jtis[: place * 75]

        def run(store: Store) -> list[str]:
            start.wait(timeout=60)
            return [jti for jti in mine if use(store, tenant_id, jti)]

        return run

    with ThreadPoolExecutor(8) as threads:
        pruners = [threads.submit(prune) for _ in range(8)]
        try:
            used = race(logins, tenant_id, [use_all(place) for place in range(8)])
        finally:
            done.set()
        pruned = sum(pruner.result(timeout=60) for pruner in pruners)
    times = Counter(chain.from_iterable(used))
    assert times == {jti: 1 for jti in jtis if not jti.startswith("live")}
    # Both ways were taken: some were deleted before they were used, some taken over.
    assert 0 < pruned < 200
    assert dba.execute("select count(*) from authority.used_jtis").fetchone() == (600,)


def _digest(jti: str) -> bytes:
    return sha256(jti.encode()).digest()


def test_8_pruners_beside_8_redeemers_delete_no_live_request(
    store: Store, dba: Dba, logins: Logins
) -> None:
    client = make_client(store, make_tenant(store).id)
    references = [make_pushed_request(store, client)[0] for _ in range(200)]
    expired = {reference.hash for reference in references[::2]}
    dba.execute(
        "update authority.pushed_requests set created_at = created_at - interval "
        "'1 hour', expires_at = expires_at - interval '1 hour' "
        "where request_uri_hash = any(%s)",
        [[*expired]],
    )

    def prune() -> int:
        with psycopg.connect(logins.maintenance, autocommit=True) as connection:
            requests = Store(connection).pushed_requests
            return sum(requests.prune_expired(batch_size=3) for _ in range(40))

    def redeem_all(place: int) -> Callable[[Store], list[bytes]]:
        mine = references[place * 25 :] + references[: place * 25]

        def run(store: Store) -> list[bytes]:
            session = uuid4()
            return [
                reference.hash
                for reference in mine
                if store.pushed_requests.redeem(
                    tenant_id=client.tenant_id,
                    request_uri_hash=reference.hash,
                    client_id=client.client_id,
                    redemption_id=session,
                )
            ]

        return run

    with ThreadPoolExecutor(8) as threads:
        pruners = [threads.submit(prune) for _ in range(8)]
        redeemers = [redeem_all(place) for place in range(8)]
        redeemed = race(logins, client.tenant_id, redeemers)
        assert sum(pruner.result(timeout=60) for pruner in pruners) == 100
    times = Counter(chain.from_iterable(redeemed))
    assert times == {r.hash: 1 for r in references if r.hash not in expired}
