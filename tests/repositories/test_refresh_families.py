"""A family's lifetime: idle tokens, its own end, and pruning."""

from datetime import timedelta

from authority_queries import Store
from authority_queries.records import Redemption
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    MINUTE,
    new_token,
)
from tests.repositories.grant_helpers import (
    DAY,
    NOTHING,
    Grant,
    family_of,
    is_alive,
    make_grant,
    next_refresh,
    redeem_code,
    refresh,
)


def test_reuse_of_the_first_code_is_detected_after_a_refresh(
    store: Store,
) -> None:
    grant = make_grant(store)
    second = next_refresh(store, grant, grant.refresh)
    assert redeem_code(store, grant, grant.code).outcome == "reused"
    assert not is_alive(store, second)


def test_an_idle_refresh_token_expires(store: Store, clock: Clock) -> None:
    grant = make_grant(store)
    token = grant.refresh
    for _ in range(3):  # a token in use stays alive
        clock.advance(DAY - MINUTE)
        token = next_refresh(store, grant, token)
    clock.advance(DAY)
    assert refresh(store, grant, token) == NOTHING
    assert family_of(store, token).revoked_at is None


def make_bounded(store: Store) -> Grant:
    return make_grant(store, code={"family_lifetime": 2 * DAY + 2 * HOUR})


def test_no_successor_outlives_the_family(store: Store, clock: Clock) -> None:
    grant = make_bounded(store)
    end = family_of(store, grant.refresh).expires_at
    assert end is not None
    results: list[Redemption] = []
    token = grant.refresh
    for _ in range(2):
        clock.advance(DAY - MINUTE)
        successor = grant.mint("refresh")
        results.append(
            refresh(
                store,
                grant,
                token,
                access_token=new_token(grant.mint("access"), 4 * HOUR),
                refresh_token=new_token(successor, DAY),
            )
        )
        token = successor
    early, late = results
    assert early.refresh_expires_at is not None
    assert early.refresh_expires_at < end
    assert (late.access_expires_at, late.refresh_expires_at) == (end, end)
    clock.advance(2 * HOUR + 2 * MINUTE)
    assert refresh(store, grant, token) == NOTHING


def test_refreshing_keeps_the_family_from_being_pruned(
    store: Store, clock: Clock
) -> None:
    grant = make_grant(store)
    token = grant.refresh
    for _ in range(4):
        clock.advance(DAY - MINUTE)
        token = next_refresh(store, grant, token)
        store.authorizations.prune_expired(older_than=timedelta(0))
        assert is_alive(store, token)
    clock.advance(2 * DAY + MINUTE)
    assert store.authorizations.prune_expired(older_than=timedelta(0)) == 1
    assert refresh(store, grant, token) == NOTHING


def test_a_refresh_rarely_writes_the_family(store: Store, clock: Clock) -> None:
    grant = make_grant(store)
    token, before = grant.refresh, family_of(store, grant.refresh)
    for _ in range(3):
        clock.advance(HOUR)
        token = next_refresh(store, grant, token)
    assert family_of(store, token) == before
