"""A refresh token is forgotten a day after it expired, whether it was pruned or not."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import InvalidArgumentError
from authority_queries.secrets import TokenString
from authority_queries.testing import Clock
from tests.factories import new_token
from tests.repositories.grant_helpers import (
    DAY,
    NOTHING,
    Grant,
    count,
    is_alive,
    make_grant,
    redeem_code,
    refresh,
)
from tests.repositories.token_helpers import Dba, diagnose

TICK = timedelta(microseconds=1)
REQUEST = UUID(int=7)


def forgettable(store: Store, clock: Clock) -> tuple[Grant, TokenString]:
    """Return a grant a day after its redeemed token expired, and the live successor."""
    grant = make_grant(store)
    successor = grant.mint("refresh")
    first = refresh(
        store,
        grant,
        grant.refresh,
        redemption_id=REQUEST,
        refresh_token=new_token(successor, 10 * DAY),
    )
    assert first.outcome == "redeemed"
    clock.freeze(diagnose(store, grant.refresh).expires_at + DAY)
    return grant, successor


@pytest.mark.parametrize("request_id", [REQUEST, uuid4()], ids=["retry", "reuse"])
@pytest.mark.parametrize("is_pruned", [False, True])
def test_pruning_a_forgotten_token_changes_no_outcome(
    store: Store, clock: Clock, request_id: UUID, *, is_pruned: bool
) -> None:
    grant, successor = forgettable(store, clock)
    clock.advance(TICK)
    if is_pruned:
        assert store.tokens.prune_refresh_tokens() == 1
    presented = refresh(
        store, grant, grant.refresh, redemption_id=request_id, leeway=DAY
    )
    assert presented == NOTHING
    assert not store.tokens.revoke(
        tenant_id=grant.tenant_id,
        token_hash=grant.refresh.hash,
        client_id=grant.client.client_id,
        reason="sign-out",
    )
    assert is_alive(store, successor)


@pytest.mark.parametrize(
    ("request_id", "outcome"), [(REQUEST, "already_redeemed"), (uuid4(), "reused")]
)
def test_a_token_is_remembered_until_a_day_after_it_expired(
    store: Store, clock: Clock, request_id: UUID, outcome: str
) -> None:
    grant, successor = forgettable(store, clock)
    assert refresh(store, grant, grant.refresh, redemption_id=request_id) == NOTHING
    clock.advance(-TICK)
    late = refresh(store, grant, grant.refresh, redemption_id=request_id)
    assert late.outcome == outcome
    assert is_alive(store, successor) == (outcome == "already_redeemed")


def test_the_remembered_token_signs_its_family_out(store: Store, clock: Clock) -> None:
    grant, successor = forgettable(store, clock)
    clock.advance(-TICK)
    assert store.tokens.revoke(
        tenant_id=grant.tenant_id,
        token_hash=grant.refresh.hash,
        client_id=grant.client.client_id,
        reason="sign-out",
    )
    assert not is_alive(store, successor)


@pytest.mark.parametrize("older_than", [0 * DAY, 3 * DAY])
def test_refresh_tokens_are_pruned_once_they_are_forgotten(
    store: Store, dba: Dba, clock: Clock, older_than: timedelta
) -> None:
    grant, successor = forgettable(store, clock)
    make_grant(store)
    clock.advance(older_than)
    assert store.tokens.prune_refresh_tokens(older_than=older_than) == 0
    clock.advance(TICK)
    before = count(dba, "tokens")
    assert store.tokens.prune_refresh_tokens(older_than=older_than) == 1
    assert count(dba, "tokens") == before - 1
    assert is_alive(store, successor)
    assert redeem_code(store, grant, grant.code).outcome == "reused"
    assert not is_alive(store, successor)


def test_an_unused_token_is_pruned_too(store: Store, clock: Clock) -> None:
    grant = make_grant(store)
    clock.advance(2 * DAY + TICK)
    assert store.tokens.prune_refresh_tokens() == 1
    assert refresh(store, grant, grant.refresh) == NOTHING


def test_a_leeway_does_not_outlast_the_memory(store: Store) -> None:
    grant = make_grant(store)
    with pytest.raises(InvalidArgumentError, match="must be 24 hours or shorter"):
        refresh(store, grant, grant.refresh, leeway=DAY + TICK)
