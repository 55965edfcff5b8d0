"""A request that waits for another one of its family gets that one's result."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from authority_queries import Store
from tests.factories import MINUTE, new_token
from tests.repositories.grant_helpers import (
    DAY,
    count,
    is_alive,
    make_grant,
    redeem_uncommitted,
    refresh,
    token_of,
)
from tests.repositories.token_helpers import Dba, Fields
from tests.stores import Logins


def _end_when_awaited(
    dba: Dba, first: "psycopg.Connection[Any]", *, commits: bool
) -> None:
    """End the transaction as soon as another one waits for it."""
    deadline = monotonic() + 60
    while not dba.execute("select from pg_locks where not granted").fetchall():
        assert monotonic() < deadline, "nobody waits"
    (first.commit if commits else first.rollback)()


@pytest.mark.parametrize(
    ("is_retry", "leeway", "commits", "outcome"),
    [
        (True, timedelta(0), True, "already_redeemed"),
        (True, MINUTE, True, "already_redeemed"),
        (False, MINUTE, True, "recently_redeemed"),
        (False, timedelta(0), True, "reused"),
        (True, timedelta(0), False, "redeemed"),
        (False, timedelta(0), False, "redeemed"),
    ],
)
def test_a_request_that_waits_for_another_returns_its_outcome(
    store: Store,
    dba: Dba,
    logins: Logins,
    *,
    is_retry: bool,
    leeway: timedelta,
    commits: bool,
    outcome: str,
) -> None:
    grant, request = make_grant(store), uuid4()
    minted = grant.mint("refresh")
    mine = grant.mint("refresh")
    arguments: Fields = {
        "redemption_id": request if is_retry else uuid4(),
        "leeway": leeway,
        "refresh_token": new_token(mine, DAY),
    }
    with (
        psycopg.connect(logins.app_for(grant.tenant_id)) as connection,
        ThreadPoolExecutor(1) as threads,
    ):
        first = redeem_uncommitted(
            connection,
            grant.refresh,
            type="refresh",
            client_id=grant.client.client_id,
            redemption_id=request,
            refresh_token_hash=minted.hash,
        )
        assert first.outcome == "redeemed"
        ended = threads.submit(_end_when_awaited, dba, connection, commits=commits)
        second = refresh(store, grant, grant.refresh, **arguments)
        ended.result(timeout=60)
    assert second.outcome == outcome
    if outcome in ("already_redeemed", "recently_redeemed"):
        # It waited with a snapshot older than the tokens, so it asked again.
        assert second.access_token_id == first.access_token_id
        assert second.refresh_token_id == first.refresh_token_id
        assert second.refresh_expires_at == first.refresh_expires_at
        assert is_alive(store, minted)
    elif outcome == "reused":
        assert second.refresh_token_id is None
        assert not is_alive(store, minted)
    else:
        assert second.refresh_token_id == token_of(store, mine).id
        assert is_alive(store, mine)
    assert count(dba, "tokens") == 5


@pytest.mark.parametrize(
    ("commits", "outcome"), [(True, "invalid"), (False, "redeemed")]
)
def test_a_request_waits_for_a_concurrent_revocation_of_the_family(
    store: Store, dba: Dba, logins: Logins, *, commits: bool, outcome: str
) -> None:
    grant = make_grant(store)
    with (
        psycopg.connect(logins.app_for(grant.tenant_id)) as connection,
        ThreadPoolExecutor(1) as threads,
    ):
        assert Store(connection).authorizations.revoke(
            tenant_id=grant.tenant_id,
            authorization_id=grant.family_id,
            reason="sign-out",
        )
        ended = threads.submit(_end_when_awaited, dba, connection, commits=commits)
        assert refresh(store, grant, grant.refresh).outcome == outcome
        ended.result(timeout=60)
    assert count(dba, "tokens") == (3 if commits else 5)
    assert is_alive(store, grant.access) is not commits


@pytest.mark.parametrize(
    ("commits", "outcome"), [(True, "reused"), (False, "recently_redeemed")]
)
def test_the_leeway_ends_with_a_successors_use_that_the_request_waited_for(
    store: Store, dba: Dba, logins: Logins, *, commits: bool, outcome: str
) -> None:
    grant = make_grant(store)
    second = grant.mint("refresh")
    redeemed = refresh(
        store, grant, grant.refresh, refresh_token=new_token(second, DAY)
    )
    assert redeemed.outcome == "redeemed"
    with (
        psycopg.connect(logins.app_for(grant.tenant_id)) as connection,
        ThreadPoolExecutor(1) as threads,
    ):
        used = redeem_uncommitted(
            connection, second, type="refresh", client_id=grant.client.client_id
        )
        assert used.outcome == "redeemed"
        ended = threads.submit(_end_when_awaited, dba, connection, commits=commits)
        late = refresh(store, grant, grant.refresh, leeway=MINUTE)
        ended.result(timeout=60)
    assert late.outcome == outcome
    assert is_alive(store, second) is not commits
