"""A second request within the leeway is no reuse, but gets no tokens."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from psycopg.sql import SQL, Literal

from authority_queries import Store
from authority_queries.testing import Clock
from tests.factories import MINUTE, make_client, new_token
from tests.repositories.grant_helpers import (
    DAY,
    NOTHING,
    count,
    family_of,
    is_alive,
    make_grant,
    next_refresh,
    refresh,
    token_of,
)
from tests.repositories.token_helpers import Dba

SECOND = timedelta(seconds=1)
LEEWAY = 30 * SECOND


def stop_clock(dba: Dba, at: datetime) -> None:
    """Stop the clock until the test ends."""
    dba.execute(
        SQL(
            "create or replace function authority.clock() returns timestamptz "
            "language sql stable parallel safe return {}::timestamptz"
        ).format(Literal(at))
    )


def test_within_the_leeway_nothing_is_issued_and_nothing_revoked(
    store: Store, dba: Dba, clock: Clock
) -> None:
    grant = make_grant(store)
    first = refresh(store, grant, grant.refresh, scopes=["openid"])
    before = count(dba, "tokens")
    clock.advance(LEEWAY - 5 * SECOND)
    for _ in range(2):
        late = refresh(store, grant, grant.refresh, leeway=LEEWAY)
        assert late.outcome == "recently_redeemed"
        for name in first.__dataclass_fields__.keys() - {"outcome"}:
            assert getattr(late, name) == getattr(first, name), name
    assert count(dba, "tokens") == before
    assert family_of(store, grant.refresh).revoked_at is None


def test_without_a_leeway_a_second_request_is_reuse(store: Store) -> None:
    grant = make_grant(store)
    successor = next_refresh(store, grant, grant.refresh)
    assert refresh(store, grant, grant.refresh).outcome == "reused"
    assert not is_alive(store, successor)


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        (timedelta(0), "recently_redeemed"),
        (LEEWAY - timedelta(microseconds=1), "recently_redeemed"),
        (LEEWAY, "reused"),
    ],
)
def test_the_leeway_ends_to_the_microsecond(
    store: Store, dba: Dba, after: timedelta, outcome: str
) -> None:
    grant = make_grant(store)
    next_refresh(store, grant, grant.refresh)
    redeemed_at = token_of(store, grant.refresh).redeemed_at
    assert redeemed_at is not None
    stop_clock(dba, redeemed_at + after)
    result = refresh(store, grant, grant.refresh, leeway=LEEWAY)
    assert result.outcome == outcome


def test_a_leeway_of_0_does_not_apply_in_the_same_microsecond(
    store: Store, dba: Dba
) -> None:
    grant = make_grant(store)
    stop_clock(dba, token_of(store, grant.refresh).created_at + SECOND)
    next_refresh(store, grant, grant.refresh)
    assert refresh(store, grant, grant.refresh).outcome == "reused"


def test_a_request_after_the_use_of_the_successor_is_reuse(store: Store) -> None:
    grant = make_grant(store)
    second = next_refresh(store, grant, grant.refresh)
    third = next_refresh(store, grant, second)
    assert refresh(store, grant, grant.refresh, leeway=LEEWAY).outcome == "reused"
    assert family_of(store, third).revocation_reason == "token_reuse"
    assert not is_alive(store, third)


def test_the_leeway_applies_only_to_the_second_to_last_token(store: Store) -> None:
    grant = make_grant(store)
    second = next_refresh(store, grant, grant.refresh)
    third = next_refresh(store, grant, second)
    late = refresh(store, grant, second, leeway=LEEWAY)
    assert late.outcome == "recently_redeemed"
    assert late.refresh_token_id == token_of(store, third).id
    assert is_alive(store, next_refresh(store, grant, third))


def test_the_leeway_does_not_apply_in_a_revoked_family(store: Store) -> None:
    grant = make_grant(store)
    next_refresh(store, grant, grant.refresh)
    store.authorizations.revoke(
        tenant_id=grant.tenant_id, authorization_id=grant.family_id, reason="sign-out"
    )
    assert refresh(store, grant, grant.refresh, leeway=LEEWAY).outcome == "reused"


def test_the_leeway_does_not_apply_to_another_client(store: Store) -> None:
    grant = make_grant(store)
    successor = next_refresh(store, grant, grant.refresh)
    thief = make_client(store, grant.tenant_id)
    stolen = {"client_id": thief.client_id, "leeway": LEEWAY}
    assert refresh(store, grant, grant.refresh, **stolen) == NOTHING
    assert is_alive(store, successor)


def test_the_leeway_issues_no_second_branch(store: Store, dba: Dba) -> None:
    grant = make_grant(store)
    for _ in range(3):
        refresh(
            store,
            grant,
            grant.refresh,
            leeway=10 * MINUTE,
            redemption_id=uuid4(),
            refresh_token=new_token(grant.mint("refresh"), DAY),
        )
    (branches,) = dba.execute(
        "select count(*) from authority.tokens "
        "where type = 'refresh' and redeemed_at is null"
    ).fetchone() or (0,)
    assert branches == 1
