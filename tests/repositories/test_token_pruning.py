"""Pruning of tokens, and the tokens that reuse detection needs."""

from datetime import timedelta

from authority_queries import Store
from authority_queries.testing import Clock
from tests.factories import HOUR, MINUTE, make_client, make_tenant, make_token
from tests.repositories.grant_helpers import (
    DAY,
    count,
    is_alive,
    make_grant,
    make_party,
    next_refresh,
    redeem_code,
    refresh,
)
from tests.repositories.token_helpers import Dba

NOW = timedelta(0)


def test_expired_access_tokens_are_pruned_in_batches_and_live_ones_kept(
    store: Store, dba: Dba, clock: Clock
) -> None:
    client = make_client(store, make_tenant(store).id)
    _, live = make_token(store, client, lifetime=DAY)
    for hours in (1, 2, 3):
        make_token(store, client, lifetime=hours * HOUR)
    clock.advance(5 * HOUR)
    assert store.tokens.prune_expired(older_than=4 * HOUR + MINUTE) == 0
    assert store.tokens.prune_expired(older_than=3 * HOUR + MINUTE) == 1
    assert store.tokens.prune_expired(batch_size=1) == 1
    with dba.transaction():
        dba.execute("select from authority.tokens for update")
        assert store.tokens.prune_expired() == 0
    assert store.tokens.prune_expired() == 1
    assert store.tokens.prune_expired() == 0
    left = dba.execute("select id from authority.tokens").fetchall()
    assert left == [(live.id,)]


def test_codes_and_refresh_tokens_are_kept_until_their_family_ends(
    store: Store, dba: Dba, clock: Clock
) -> None:
    grant = make_grant(store)
    next_refresh(store, grant, grant.refresh)
    clock.advance(23 * HOUR)
    assert store.tokens.prune_expired() == 2
    assert store.authorizations.prune_expired(older_than=NOW) == 0
    assert count(dba, "tokens") == 3
    assert redeem_code(store, grant, grant.code).outcome == "reused"
    clock.advance(2 * DAY)
    assert store.tokens.prune_expired() == 0
    assert store.authorizations.prune_expired(older_than=NOW) == 1
    assert (count(dba, "authorizations"), count(dba, "tokens")) == (0, 0)
    assert refresh(store, grant, grant.refresh).outcome == "invalid"


def test_families_are_pruned_in_batches_oldest_first(
    store: Store, dba: Dba, clock: Clock
) -> None:
    party = make_party(store)
    grants = [make_grant(store, party) for _ in range(3)]
    clock.advance(2 * DAY + MINUTE)
    young = make_grant(store, party)
    families = store.authorizations
    assert families.prune_expired() == 0
    with dba.transaction():
        dba.execute("select from authority.authorizations for update")
        assert families.prune_expired(older_than=NOW) == 0
    assert families.prune_expired(older_than=NOW, batch_size=2) == 2
    left = {
        families.get_by_id(tenant_id=one.tenant_id, authorization_id=one.family_id)
        for one in grants[:2]
    }
    assert left == {None}
    assert families.prune_expired(older_than=NOW, batch_size=2) == 1
    assert families.prune_expired(older_than=NOW) == 0
    assert is_alive(store, young.access)
    assert is_alive(store, young.refresh)


def test_a_revoked_family_is_kept_as_long_as_a_live_one(
    store: Store, clock: Clock
) -> None:
    grant = make_grant(store)
    redeem_code(store, grant, grant.code)
    clock.advance(23 * HOUR)
    assert store.authorizations.prune_expired(older_than=NOW) == 0
    clock.advance(DAY + 2 * HOUR)
    assert store.authorizations.prune_expired(older_than=NOW) == 1


def test_no_family_is_pruned_before_its_last_token_expires(
    store: Store, clock: Clock
) -> None:
    """However long its tokens live, refreshed or not."""
    for lifetime in (HOUR, 400 * DAY):
        client = make_client(store, make_tenant(store).id)
        minted, _ = make_token(store, client, "refresh", lifetime=lifetime)
        clock.advance(lifetime - MINUTE)
        store.authorizations.prune_expired(older_than=NOW)
        assert is_alive(store, minted)
        clock.advance(2 * MINUTE)
        assert store.authorizations.prune_expired(older_than=NOW) == 1


def test_a_consent_stays_when_its_families_are_pruned(
    store: Store, clock: Clock
) -> None:
    grant = make_grant(store)
    clock.advance(3 * DAY)
    assert store.authorizations.prune_expired() == 1
    assert store.consents.get(**grant.of_consent) is not None
