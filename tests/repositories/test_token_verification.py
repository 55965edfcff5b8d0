from collections.abc import Callable

import pytest

from authority_queries import Store
from authority_queries.records import (
    VerifiedToken,
)
from tests.factories import (
    make_client,
    make_service_account,
    make_tenant,
    make_token,
)
from tests.repositories.token_helpers import (
    DEATHS,
    THUMBPRINT,
    Dba,
    Fields,
    SignIn,
    active_ids,
    redeem,
    sign_in,
    verify,
)


def test_a_live_token_of_a_user_is_verified_in_full(store: Store) -> None:
    at = sign_in(
        store,
        scopes=["openid"],
        cnf_jkt=THUMBPRINT,
        cnf_x5t_s256="B" * 43,
        payload=b"sealed",
        properties={"a": 1},
    )
    assert verify(store, at.minted) == VerifiedToken(
        tenant_id=at.tenant_id,
        id=at.token.id,
        type="access",
        client_id=at.client.client_id,
        authorization_id=at.token.authorization_id,
        user_id=at.user.id,
        subject_id=at.user.subject_id,
        username=at.user.username,
        service_account_id=None,
        account_id=None,
        scopes=["openid"],
        cnf_jkt=THUMBPRINT,
        cnf_x5t_s256="B" * 43,
        payload=b"sealed",
        properties={"a": 1},
        authenticated_at=at.token.authenticated_at,
        created_at=at.token.created_at,
        expires_at=at.token.expires_at,
    )


def test_a_token_of_a_service_account_dies_with_it(store: Store, dba: Dba) -> None:
    client = make_client(store, make_tenant(store).id)
    account = make_service_account(store, client.tenant_id)
    minted, token = make_token(store, client, service_account_id=account.id)
    found = verify(store, minted)
    assert found is not None
    assert (found.id, found.client_id) == (token.id, client.client_id)
    assert (found.service_account_id, found.account_id) == (
        account.id,
        account.account_id,
    )
    assert (found.user_id, found.subject_id, found.username) == (None,) * 3
    dba.execute("update authority.service_accounts set enabled = false")
    assert verify(store, minted) is None


def test_a_token_of_the_client_itself_has_no_subject(store: Store) -> None:
    client = make_client(store, make_tenant(store, status="trial").id)
    minted, _ = make_token(store, client)
    found = verify(store, minted)
    assert found is not None
    assert found.client_id == client.client_id
    assert (found.user_id, found.subject_id, found.username) == (None,) * 3
    assert (found.service_account_id, found.account_id) == (None, None)
    assert found.authorization_id is None


@pytest.mark.parametrize("die", DEATHS.values(), ids=DEATHS)
def test_a_token_is_dead_for_each_single_reason(
    store: Store, dba: Dba, die: Callable[[Store, Dba, SignIn], object]
) -> None:
    at = sign_in(store)
    other, _ = make_token(store, make_client(store, make_tenant(store).id))
    assert verify(store, at.minted) is not None
    die(store, dba, at)
    assert verify(store, at.minted) is None
    assert verify(store, other) is not None


def test_a_token_that_was_redeemed_is_dead(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    minted, code = make_token(store, client, "authorization_code")

    def verify_code() -> VerifiedToken | None:
        return store.tokens.verify(
            tenant_id=client.tenant_id,
            token_hash=minted.hash,
            type="authorization_code",
        )

    assert verify_code() is not None
    assert active_ids(store, client) == [code.id]
    redeem(store, client, minted)
    assert verify_code() is None
    assert active_ids(store, client) == []


def test_a_token_is_verified_only_as_its_type_and_in_its_tenant(store: Store) -> None:
    at = sign_in(store)
    other = make_tenant(store)
    key: Fields = {"tenant_id": at.tenant_id, "token_hash": at.minted.hash}
    assert store.tokens.verify(**key, type="refresh") is None
    assert store.tokens.verify(**{**key, "tenant_id": other.id}) is None
    assert store.tokens.verify(**{**key, "token_hash": bytes(32)}) is None
    minted, _ = make_token(store, at.client, "refresh")
    assert verify(store, minted) is None
    key["token_hash"] = minted.hash
    assert store.tokens.verify(**key, type="refresh") is not None


def test_a_token_issued_after_the_epoch_moved_lives(store: Store) -> None:
    at = sign_in(store)
    store.users.revoke_tokens(tenant_id=at.tenant_id, user_id=at.user.id)
    minted, token = make_token(store, at.client, user_id=at.user.id)
    assert verify(store, minted) is not None
    assert active_ids(store, at.client) == [token.id]
