"""A refresh token is used once, and replaced (RFC 9700 section 4.14.2)."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import DuplicateError, InvalidArgumentError
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    MINUTE,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
    new_token,
)
from tests.repositories.grant_helpers import (
    CALLBACK,
    DAY,
    NOTHING,
    Grant,
    Party,
    count,
    family_of,
    is_alive,
    make_grant,
    make_party,
    next_refresh,
    refresh,
    token_of,
)
from tests.repositories.token_helpers import THUMBPRINT, Dba, Fields


@pytest.mark.parametrize("kind", ["user_id", "service_account_id", None])
def test_the_new_tokens_inherit_the_fields_of_the_refresh_token(
    store: Store, kind: str | None
) -> None:
    client = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    account = make_service_account(store, client.tenant_id)
    ids = {"user_id": user.id, "service_account_id": account.id}
    minted, old = make_token(
        store,
        client,
        "refresh",
        scopes=["openid", "offline_access"],
        payload=b"sealed",
        properties={"a": [1]},
        **({kind: ids[kind]} if kind else {}),
    )
    party = Party(client=client, user=user)
    access, successor = party.mint("access"), party.mint("refresh")
    result = refresh(
        store,
        party,
        minted,
        access_token=new_token(access),
        refresh_token=new_token(successor, DAY),
    )
    assert result.outcome == "redeemed"
    assert (result.user_id, result.service_account_id) == (
        old.user_id,
        old.service_account_id,
    )
    assert result.subject_id == (user.subject_id if kind == "user_id" else None)
    for new, lifetime in ((access, HOUR), (successor, DAY)):
        token = token_of(store, new)
        assert token.client_uuid == client.id
        assert token.user_id == old.user_id
        assert token.service_account_id == old.service_account_id
        assert token.authorization_id == old.authorization_id
        assert token.parent_id == old.id
        assert token.scopes == ["openid", "offline_access"]
        assert (token.payload, token.properties) == (None, {"a": [1]})
        assert token.authenticated_at == old.authenticated_at
        assert token.expires_at - token.created_at == lifetime
        assert is_alive(store, new)
    assert not is_alive(store, minted)


def test_an_access_token_is_optional(store: Store, dba: Dba) -> None:
    grant = make_grant(store)
    result = refresh(store, grant, grant.refresh, access_token=None)
    assert (result.outcome, result.access_token_id) == ("redeemed", None)
    assert result.refresh_token_id is not None
    assert result.scopes == ["openid", "email"]
    assert count(dba, "tokens") == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "somebody-else"},
        {"token_hash": bytes(32)},
        {"tenant_id": UUID(int=0)},
    ],
)
def test_a_request_with_a_mismatch_is_invalid_and_revokes_nothing(
    store: Store, wrong: Fields
) -> None:
    grant = make_grant(store)
    assert refresh(store, grant, grant.refresh, **wrong) == NOTHING
    assert is_alive(store, grant.refresh)
    assert refresh(store, grant, grant.refresh).outcome == "redeemed"
    assert refresh(store, grant, grant.refresh, **wrong) == NOTHING
    assert family_of(store, grant.refresh).revoked_at is None


def test_another_client_or_tenant_cannot_refresh(store: Store) -> None:
    grant = make_grant(store)
    thief = make_client(store, grant.tenant_id)
    for wrong in (
        {"client_id": thief.client_id},
        {"tenant_id": make_tenant(store).id},
    ):
        for _ in range(2):
            assert refresh(store, grant, grant.refresh, **wrong) == NOTHING
    assert is_alive(store, grant.refresh)


def test_only_a_refresh_token_can_be_refreshed(store: Store) -> None:
    grant = make_grant(store)
    for minted in (grant.access, grant.code):
        assert refresh(store, grant, minted) == NOTHING
    assert is_alive(store, grant.access)
    assert family_of(store, grant.code).revoked_at is None


def test_a_repeated_request_gets_the_same_ids(store: Store, dba: Dba) -> None:
    grant = make_grant(store)
    request: Fields = {"redemption_id": uuid4(), "scopes": ["openid"]}
    first = refresh(store, grant, grant.refresh, **request)
    assert first.outcome == "redeemed"
    before = count(dba, "tokens")
    for leeway in (timedelta(0), MINUTE):
        again = refresh(store, grant, grant.refresh, **request, leeway=leeway)
        assert again.outcome == "already_redeemed"
        for name in first.__dataclass_fields__.keys() - {"outcome"}:
            assert getattr(again, name) == getattr(first, name), name
    assert count(dba, "tokens") == before
    assert family_of(store, grant.refresh).revoked_at is None


def test_a_request_that_is_repeated_much_later_is_recognised(
    store: Store, clock: Clock
) -> None:
    grant, request = make_grant(store), {"redemption_id": uuid4()}
    first = refresh(store, grant, grant.refresh, **request)
    clock.advance(20 * HOUR)
    store.tokens.prune_expired()
    again = refresh(store, grant, grant.refresh, **request)
    assert again.outcome == "already_redeemed"
    assert again.refresh_token_id == first.refresh_token_id
    assert again.access_token_id is None  # expired, and pruned


def test_reuse_ends_every_branch(store: Store) -> None:
    grant = make_grant(store)
    second = next_refresh(store, grant, grant.refresh)
    third = next_refresh(store, grant, second)
    reused = refresh(store, grant, grant.refresh)
    assert (reused.outcome, reused.authorization_id) == ("reused", grant.family_id)
    assert reused.user_id == grant.user.id
    assert (reused.access_token_id, reused.refresh_token_id) == (None, None)
    assert family_of(store, third).revocation_reason == "token_reuse"
    for minted in (grant.access, second, third):
        assert not is_alive(store, minted)
    assert refresh(store, grant, third) == NOTHING
    assert refresh(store, grant, second).outcome == "reused"


def test_reuse_is_detected_after_the_token_has_expired(
    store: Store, clock: Clock
) -> None:
    grant = make_grant(store)
    clock.advance(23 * HOUR)
    second = next_refresh(store, grant, grant.refresh)
    clock.advance(2 * HOUR)
    store.tokens.prune_expired()
    store.authorizations.prune_expired()
    assert refresh(store, grant, grant.refresh).outcome == "reused"
    assert not is_alive(store, second)


def test_a_refresh_that_fails_leaves_the_old_token_alive(store: Store) -> None:
    grant = make_grant(store)
    same = new_token(grant.mint("access"))
    for tokens in (
        {"access_token": same, "refresh_token": same},
        {"refresh_token": new_token(grant.refresh)},
        {"access_token": new_token(grant.access)},
    ):
        with pytest.raises(DuplicateError, match="tokens_tenant_id_token_hash_key"):
            refresh(store, grant, grant.refresh, **tokens)
    assert is_alive(store, grant.refresh)
    assert refresh(store, grant, grant.refresh).outcome == "redeemed"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"leeway": -MINUTE}, "leeway must be 0 or longer"),
        ({"token_hash": b"raw"}, "token_hash must have 32 octets"),
    ],
)
def test_an_argument_of_the_wrong_shape_is_refused(
    store: Store, wrong: Fields, message: str
) -> None:
    grant = make_grant(store)
    with pytest.raises(InvalidArgumentError, match=message):
        refresh(store, grant, grant.refresh, **wrong)
    assert is_alive(store, grant.refresh)


def test_confidential_and_public_clients_refresh_the_same_way(store: Store) -> None:
    for client_type in ("confidential", "public"):
        party = make_party(store, client_type=client_type, redirect_uris=[CALLBACK])
        grant = make_grant(store, party)
        assert is_alive(store, next_refresh(store, grant, grant.refresh))


def test_without_a_new_refresh_token_the_old_one_stays_usable(
    store: Store, clock: Clock, dba: Dba
) -> None:
    """RFC 9700 section 4.14.2: only for confidential clients and bound tokens."""
    unbound: Fields = {"cnf_jkt": None}
    bound: Fields = {"cnf_jkt": THUMBPRINT}
    confidential = make_grant(store)
    of_public = make_party(store, client_type="public")
    kept: list[tuple[Grant, Fields]] = [
        (confidential, unbound),
        (make_grant(store, of_public, redemption=bound), bound),
    ]
    for grant, proof in kept:
        before = token_of(store, grant.refresh)
        plain: Fields = {"refresh_token": None, **proof}
        for request in (uuid4(), uuid4()):
            access = grant.mint("access")
            given: Fields = {
                "access_token": new_token(access),
                "scopes": ["openid"],
                "redemption_id": request,
            }
            result = refresh(store, grant, grant.refresh, **plain, **given)
            assert result.outcome == "refreshed"
            assert (result.scopes, result.refresh_token_id) == (["openid"], None)
            issued = token_of(store, access)
            assert (result.access_token_id, issued.parent_id) == (issued.id, None)
            assert issued.authorization_id == grant.family_id
            assert is_alive(store, access)
            assert token_of(store, grant.refresh) == before
        # It can be rotated later, which uses it.
        again: Fields = {**proof, "redemption_id": uuid4()}
        rotated = refresh(store, grant, grant.refresh, **again)
        retried = refresh(store, grant, grant.refresh, **again)
        assert (rotated.outcome, retried.outcome) == ("redeemed", "already_redeemed")
        assert retried.access_token_id == rotated.access_token_id
        assert refresh(store, grant, grant.refresh, **plain).outcome == "reused"
    public = make_grant(store, of_public)
    tokens = count(dba, "tokens")
    refused = refresh(store, public, public.refresh, refresh_token=None)
    assert (refused.outcome, refused.access_token_id) == ("rotation_required", None)
    assert count(dba, "tokens") == tokens
    assert is_alive(store, public.refresh)
    clock.advance(DAY)
    assert refresh(store, public, public.refresh, refresh_token=None) == NOTHING


def test_a_refresh_without_any_new_token_is_refused(sync_store: Store) -> None:
    grant = make_grant(sync_store)
    nothing: Fields = {"refresh_token": None, "access_token": None}
    with pytest.raises(InvalidArgumentError, match="access_token must be") as refusal:
        refresh(sync_store, grant, grant.refresh, **nothing)
    assert refusal.value.argument == "access_token"
    assert is_alive(sync_store, grant.refresh)
