"""Revocation by a client (RFC 7009) or an operator."""

from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.records import TokenType
from authority_queries.secrets import TokenString
from tests.factories import make_client, make_tenant
from tests.repositories.grant_helpers import (
    NOTHING,
    Grant,
    family_of,
    is_alive,
    make_code,
    make_grant,
    make_party,
    next_refresh,
    redeem_code,
    refresh,
    token_of,
)
from tests.repositories.token_helpers import Fields, revoke, sign_in, verify


def revoke_by_client(
    store: Store, grant: Grant, minted: TokenString, **fields: str
) -> bool:
    return store.tokens.revoke(
        tenant_id=grant.tenant_id,
        token_hash=minted.hash,
        **{"client_id": grant.client.client_id, "reason": "logout", **fields},
    )


def test_only_the_tokens_client_revokes_it_and_only_once(store: Store) -> None:
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
    assert not revoke(store, at.token)
    token = store.tokens.get_by_id(tenant_id=at.tenant_id, token_id=at.token.id)
    assert token is not None
    assert token.revoked_at is not None
    assert token.revocation_reason == "logout"


def test_an_operator_revokes_a_token_by_id(store: Store) -> None:
    grant = make_grant(store)
    token = token_of(store, grant.access)
    assert revoke(store, token)
    assert not revoke(store, token)
    assert not store.tokens.revoke_by_id(
        tenant_id=grant.tenant_id, token_id=uuid4(), reason="stolen"
    )
    assert not is_alive(store, grant.access)
    assert is_alive(store, grant.refresh)


def test_an_access_token_is_revoked_alone(store: Store) -> None:
    grant = make_grant(store)
    assert revoke_by_client(store, grant, grant.access)
    assert not is_alive(store, grant.access)
    assert family_of(store, grant.access).revoked_at is None
    assert refresh(store, grant, grant.refresh).outcome == "redeemed"


def test_revoking_a_refresh_token_ends_its_family(store: Store) -> None:
    grant = make_grant(store)
    bystander = make_grant(store, grant)
    assert revoke_by_client(store, grant, grant.refresh)
    assert not revoke_by_client(store, grant, grant.refresh)
    family = family_of(store, grant.refresh)
    assert (family.revocation_reason, family.row_version) == ("logout", 3)
    assert not is_alive(store, grant.access)
    assert refresh(store, grant, grant.refresh) == NOTHING
    assert is_alive(store, bystander.access)


@pytest.mark.parametrize("kind", ["refresh", "authorization_code"])
def test_revoking_a_used_token_ends_its_successors(
    store: Store, kind: TokenType
) -> None:
    grant = make_grant(store)
    newest = next_refresh(store, grant, grant.refresh)
    used = {"refresh": grant.refresh, "authorization_code": grant.code}[kind]
    assert revoke_by_client(store, grant, used)
    assert not revoke_by_client(store, grant, used)
    for minted in (grant.access, newest):
        assert not is_alive(store, minted)
    assert refresh(store, grant, newest) == NOTHING


def test_a_revoked_code_cannot_be_redeemed(store: Store) -> None:
    party = make_party(store)
    code = make_code(store, party)
    assert store.tokens.revoke(
        tenant_id=party.tenant_id,
        token_hash=code.hash,
        client_id=party.client.client_id,
        reason="gone",
    )
    assert redeem_code(store, party, code) == NOTHING


def test_another_client_cannot_revoke_a_family(store: Store) -> None:
    grant = make_grant(store)
    other = make_client(store, grant.tenant_id)
    for minted in (grant.refresh, grant.code, grant.access):
        assert not revoke_by_client(store, grant, minted, client_id=other.client_id)
        assert not revoke_by_client(store, grant, minted, client_id="nobody")
    assert not revoke_by_client(store, grant, grant.mint("refresh"))
    assert is_alive(store, grant.access)
    assert is_alive(store, grant.refresh)


def test_another_tenant_cannot_reach_a_token(store: Store) -> None:
    at, other = sign_in(store), make_tenant(store)
    tokens, token = store.tokens, at.token
    by_id: Fields = {"tenant_id": other.id, "token_id": token.id}
    by_hash: Fields = {"tenant_id": other.id, "token_hash": token.token_hash}
    of_user: Fields = {"tenant_id": other.id, "user_id": token.user_id}
    of_client: Fields = {"tenant_id": other.id, "client_uuid": token.client_uuid}
    assert tokens.get_by_id(**by_id) is None
    assert tokens.get_by_hash(**by_hash) is None
    assert tokens.diagnose(**by_hash) is None
    assert tokens.verify(**by_hash) is None
    assert tokens.list_active_by_subject(**of_user).items == []
    assert tokens.list_active_by_client(**of_client).items == []
    assert not tokens.revoke(**by_hash, client_id=at.client.client_id, reason="r")
    assert not tokens.revoke_by_id(**by_id, reason="r")
    assert verify(store, at.minted) is not None
