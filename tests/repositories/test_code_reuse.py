"""A code that is presented again: a retry gets the same row, reuse ends the family."""

from uuid import uuid4

from authority_queries import Store
from authority_queries.testing import Clock
from tests.factories import MINUTE
from tests.repositories.grant_helpers import (
    NOTHING,
    count,
    family_of,
    is_alive,
    make_code,
    make_grant,
    make_party,
    redeem_code,
    refresh,
)
from tests.repositories.token_helpers import Dba, Fields, verify


def test_a_repeated_request_gets_the_same_ids(store: Store, dba: Dba) -> None:
    party = make_party(store)
    code, request = make_code(store, party), {"redemption_id": uuid4()}
    first = redeem_code(store, party, code, **request)
    again = redeem_code(store, party, code, **request)
    assert again.outcome == "already_redeemed"
    assert first.outcome == "redeemed"
    for name in first.__dataclass_fields__.keys() - {"outcome"}:
        assert getattr(again, name) == getattr(first, name), name
    assert count(dba, "tokens") == 3
    assert family_of(store, code).row_version == 2  # the refresh token prolongs it


def test_a_repeated_request_is_recognised_after_the_code_has_expired(
    store: Store, clock: Clock
) -> None:
    party = make_party(store)
    code, request = make_code(store, party), {"redemption_id": uuid4()}
    first = redeem_code(store, party, code, **request)
    clock.advance(2 * MINUTE)
    again = redeem_code(store, party, code, **request)
    assert again.outcome == "already_redeemed"
    assert again.refresh_token_id == first.refresh_token_id


def test_reuse_ends_the_family_and_the_tokens_of_the_first_redemption(
    store: Store,
) -> None:
    party, request = make_party(store), {"redemption_id": uuid4()}
    bystander = make_grant(store, party)
    grant = make_grant(store, party, redemption=request)
    for version in (3, 3):
        reused = redeem_code(store, party, grant.code)
        assert (reused.outcome, reused.authorization_id) == ("reused", grant.family_id)
        assert (reused.access_token_id, reused.refresh_token_id) == (None, None)
        family = family_of(store, grant.code)
        assert family.revoked_at is not None
        assert family.revocation_reason == "token_reuse"
        assert family.row_version == version
    for minted in (grant.access, grant.refresh):
        assert not is_alive(store, minted)
    assert refresh(store, grant, grant.refresh).outcome == "invalid"
    # A retry of the first request fails too.
    retry = redeem_code(store, party, grant.code, **request)
    assert retry.outcome == "invalid"
    assert verify(store, bystander.access) is not None
    assert is_alive(store, bystander.refresh)


def test_reuse_is_detected_after_the_code_has_expired(
    store: Store, clock: Clock
) -> None:
    grant = make_grant(store)
    clock.advance(2 * MINUTE)
    assert redeem_code(store, grant, grant.code).outcome == "reused"
    assert family_of(store, grant.code).revocation_reason == "token_reuse"


def test_an_unused_revoked_code_is_not_reuse(store: Store) -> None:
    party = make_party(store)
    code = make_code(store, party)
    assert store.tokens.revoke(
        tenant_id=party.tenant_id,
        token_hash=code.hash,
        client_id=party.client.client_id,
        reason="changed my mind",
    )
    assert redeem_code(store, party, code) == NOTHING
    assert family_of(store, code).revocation_reason == "changed my mind"


def test_reuse_does_not_change_why_a_family_was_revoked(store: Store) -> None:
    grant = make_grant(store)
    key: Fields = {"tenant_id": grant.tenant_id, "authorization_id": grant.family_id}
    assert store.authorizations.revoke(**key, reason="sign-out")
    assert redeem_code(store, grant, grant.code).outcome == "reused"
    assert family_of(store, grant.code).revocation_reason == "sign-out"
