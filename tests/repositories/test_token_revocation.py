from collections.abc import Callable
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
)
from authority_queries.records import (
    ServiceAccount,
    User,
)
from tests.factories import (
    HOUR,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.repositories.token_helpers import (
    DEATHS,
    Dba,
    Fields,
    active_ids,
    age,
    redeem,
    revoke,
    sign_in,
    verify,
)


def test_only_its_client_revokes_a_token_and_only_once(store: Store) -> None:
    at = sign_in(store)
    key: Fields = {
        "tenant_id": at.tenant_id,
        "token_hash": at.minted.hash,
        "reason": "logout",
    }
    other = make_client(store, at.tenant_id)
    assert not store.tokens.revoke(**key, client_id=other.client_id)
    assert verify(store, at.minted) is not None
    assert store.tokens.revoke(**key, client_id=at.client.client_id)
    again = {**key, "reason": "again"}
    assert not store.tokens.revoke(**again, client_id=at.client.client_id)
    assert not revoke(store, at)
    token = store.tokens.get_by_id(tenant_id=at.tenant_id, token_id=at.token.id)
    assert token is not None
    assert token.revoked_at is not None
    assert token.revocation_reason == "logout"


def test_an_operator_revokes_a_token_by_id(store: Store) -> None:
    at = sign_in(store)
    assert revoke(store, at)
    assert not revoke(store, at)
    assert not store.tokens.revoke_by_id(
        tenant_id=at.tenant_id, token_id=uuid4(), reason="stolen"
    )


def test_live_tokens_are_revoked_by_family_subject_or_client(
    store: Store, dba: Dba
) -> None:
    at = sign_in(store)
    account = make_service_account(store, at.tenant_id)
    reason: Fields = {"tenant_id": at.tenant_id, "reason": "incident"}
    family: Fields = {"authorization_id": at.token.authorization_id}
    _, expired = make_token(store, at.client, **family)
    age(dba, expired, HOUR)
    make_token(store, at.client, **family)
    family |= reason
    assert store.tokens.revoke_by_authorization(**family) == 2
    assert store.tokens.revoke_by_authorization(**family) == 0
    for _ in range(2):
        make_token(store, at.client, user_id=at.user.id)
    make_token(store, at.client, service_account_id=account.id)
    _, last = make_token(store, at.client)
    assert store.tokens.revoke_by_subject(**reason, user_id=at.user.id) == 2
    assert store.tokens.revoke_by_subject(**reason, service_account_id=account.id) == 1
    assert active_ids(store, at.client) == [last.id]
    assert store.tokens.revoke_by_client(**reason, client_id=at.client.id) == 1
    assert store.tokens.revoke_by_client(**reason, client_id=at.client.id) == 0


@pytest.mark.parametrize(
    "ids", [{}, {"user_id": uuid4(), "service_account_id": uuid4()}], ids=len
)
def test_a_subject_is_either_a_user_or_a_service_account(
    store: Store, ids: Fields
) -> None:
    key: Fields = {"tenant_id": uuid4(), **ids}
    with pytest.raises(InvalidArgumentError, match="either user_id or service"):
        store.tokens.list_active_by_subject(**key)
    with pytest.raises(InvalidArgumentError, match="either user_id or service"):
        store.tokens.revoke_by_subject(**key, reason="incident")


@pytest.mark.parametrize("kind", ["user_id", "service_account_id"])
def test_live_tokens_of_a_subject_are_listed_by_id(store: Store, kind: str) -> None:
    client = make_client(store, make_tenant(store).id)
    make: Callable[..., User | ServiceAccount]
    make = make_user if kind == "user_id" else make_service_account
    subject: Fields = {kind: make(store, client.tenant_id).id}
    ids = sorted(make_token(store, client, **subject)[1].id for _ in range(5))
    make_token(store, client)
    key: Fields = {"tenant_id": client.tenant_id, **subject}
    pages = [
        store.tokens.list_active_by_subject(**key, limit=2),
        store.tokens.list_active_by_subject(**key, after=ids[1], limit=2),
        store.tokens.list_active_by_subject(**key, after=ids[3], limit=2),
        store.tokens.list_active_by_subject(**key, after=ids[4]),
    ]
    assert [[t.id for t in page] for page in pages] == [ids[:2], ids[2:4], ids[4:], []]
    with pytest.raises(InvalidArgumentError, match="limit is 0"):
        store.tokens.list_active_by_subject(**key, limit=0)


def test_live_tokens_of_a_client_are_listed_by_id(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    make_token(store, make_client(store, client.tenant_id))
    ids = sorted(make_token(store, client)[1].id for _ in range(3))
    assert active_ids(store, client, limit=2) == ids[:2]
    assert active_ids(store, client, after=ids[1]) == ids[2:]
    with pytest.raises(InvalidArgumentError, match="limit is 1001"):
        active_ids(store, client, limit=1001)


@pytest.mark.parametrize(
    "reason",
    list(DEATHS),
)
def test_no_dead_token_is_listed(store: Store, dba: Dba, reason: str) -> None:
    at = sign_in(store)
    key: Fields = {"tenant_id": at.tenant_id, "user_id": at.user.id}
    assert store.tokens.list_active_by_subject(**key) == [at.token]
    DEATHS[reason](store, dba, at)
    assert store.tokens.list_active_by_subject(**key) == []
    assert active_ids(store, at.client) == []


def test_another_tenant_reaches_no_token(store: Store) -> None:
    at, other = sign_in(store), make_tenant(store)
    tokens, token = store.tokens, at.token
    by_id: Fields = {"tenant_id": other.id, "token_id": token.id}
    by_hash: Fields = {"tenant_id": other.id, "token_hash": token.token_hash}
    of_user: Fields = {"tenant_id": other.id, "user_id": token.user_id}
    of_client: Fields = {"tenant_id": other.id, "client_id": token.client_id}
    family: Fields = {
        "tenant_id": other.id,
        "authorization_id": token.authorization_id,
    }
    assert tokens.get_by_id(**by_id) is None
    assert tokens.get_by_hash(**by_hash) is None
    assert tokens.list_active_by_subject(**of_user) == []
    assert tokens.list_active_by_client(**of_client) == []
    assert not tokens.revoke(**by_hash, client_id=at.client.client_id, reason="r")
    assert not tokens.revoke_by_id(**by_id, reason="r")
    assert tokens.revoke_by_authorization(**family, reason="r") == 0
    assert tokens.revoke_by_subject(**of_user, reason="r") == 0
    assert tokens.revoke_by_client(**of_client, reason="r") == 0
    assert verify(store, at.minted) is not None


def test_expired_tokens_are_pruned_in_batches_and_live_ones_kept(
    store: Store, dba: Dba
) -> None:
    client = make_client(store, make_tenant(store).id)
    _, live = make_token(store, client)
    for hours in (2, 3, 4):
        age(dba, make_token(store, client)[1], hours * HOUR)
    assert store.tokens.prune_expired(older_than=4 * HOUR) == 0
    assert store.tokens.prune_expired(older_than=3 * HOUR) == 1
    assert store.tokens.prune_expired(batch_size=1) == 1
    with dba.transaction():
        dba.execute("select from authority.tokens for update")
        assert store.tokens.prune_expired() == 0
    assert store.tokens.prune_expired() == 1
    assert store.tokens.prune_expired() == 0
    left = dba.execute("select id from authority.tokens").fetchall()
    assert left == [(live.id,)]


def test_a_redeemed_token_is_kept_while_its_family_lives(
    store: Store, dba: Dba
) -> None:
    at = sign_in(store)
    family: Fields = {"authorization_id": at.token.authorization_id}
    minted, code = make_token(store, at.client, "authorization_code", **family)
    _, unused = make_token(store, at.client, "authorization_code", **family)
    redeem(store, at.client, minted)
    for token in (code, unused):
        age(dba, token, 2 * HOUR)
    assert store.tokens.prune_expired() == 1
    assert store.tokens.get_by_id(tenant_id=at.tenant_id, token_id=code.id) is not None
    age(dba, at.token, 2 * HOUR)
    assert store.tokens.prune_expired() == 2


def test_a_refresh_token_that_its_client_revokes_takes_its_family(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    old, token = make_token(store, client, "refresh")
    access, _ = make_token(store, client, authorization_id=token.authorization_id)
    rotation = store.tokens.rotate(
        tenant_id=client.tenant_id,
        token_hash=old.hash,
        client_id=client.client_id,
        redemption_id=uuid4(),
        refresh_token_hash=b"r" * 32,
        refresh_lifetime=HOUR,
        access_token_hash=b"a" * 32,
        access_lifetime=HOUR,
    )
    assert rotation.outcome == "rotated"
    assert len(active_ids(store, client)) == 3
    revocation: Fields = {
        "tenant_id": client.tenant_id,
        "token_hash": old.hash,
        "client_id": client.client_id,
        "reason": "logout",
    }
    assert store.tokens.revoke(**revocation)
    assert not store.tokens.revoke(**revocation)
    assert verify(store, access) is None
    assert active_ids(store, client) == []
