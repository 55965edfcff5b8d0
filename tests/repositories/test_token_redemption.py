from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store, mint_token
from authority_queries.errors import DuplicateError
from authority_queries.records import (
    Client,
    Token,
)
from authority_queries.results import (
    Redemption,
    Rotation,
)
from authority_queries.secrets import TokenString
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
CALLBACK = "https://app.example/cb"
CHALLENGE = "c" * 43


def make_code(store: Store, **fields: Any) -> tuple[Client, TokenString, Token]:
    """Issue a code with PKCE and redirect_uri, under an authorization."""
    client = make_client(store, make_tenant(store).id)
    minted, code = make_token(
        store,
        client,
        "authorization_code",
        **{
            "redirect_uri": CALLBACK,
            "code_challenge": CHALLENGE,
            "authorization_id": make_authorization(store, client).id,
            **fields,
        },
    )
    return client, minted, code


def redeem(
    store: Store, client: Client, minted: TokenString, **presented: Any
) -> Redemption:
    presentation: Fields = {
        "tenant_id": client.tenant_id,
        "token_hash": minted.hash,
        "type": "authorization_code",
        "client_id": client.client_id,
        "redirect_uri": CALLBACK,
        "code_challenge": CHALLENGE,
        "redemption_id": uuid4(),
    }
    return store.tokens.redeem(**{**presentation, **presented})


def rotate(
    store: Store, client: Client, minted: TokenString, **presented: Any
) -> Rotation:
    """Rotate; a successor's hash that is not given is that of a new string."""
    presentation: Fields = {
        "tenant_id": client.tenant_id,
        "token_hash": minted.hash,
        "client_id": client.client_id,
        "redemption_id": uuid4(),
        "refresh_token_hash": mint_token("refresh", client.tenant_id).hash,
        "refresh_lifetime": 24 * HOUR,
        "access_token_hash": mint_token("access", client.tenant_id).hash,
        "access_lifetime": HOUR,
    }
    return store.tokens.rotate(**{**presentation, **presented})


def live(store: Store, token: Token) -> bool:
    found = store.tokens.verify(
        tenant_id=token.tenant_id, token_hash=token.token_hash, type=token.type
    )
    return found is not None


def family_is_alive(store: Store, token: Token) -> bool:
    assert token.authorization_id is not None
    family = store.authorizations.get_by_id(
        tenant_id=token.tenant_id, authorization_id=token.authorization_id
    )
    assert family is not None
    if family.revoked_at is not None:
        assert family.revocation_reason == "token_reuse"
        assert family.row_version == 2
    return family.revoked_at is None


def expire(dba: Dba, token: Token) -> None:
    dba.execute(
        "update authority.tokens set created_at = now() - interval '2 hours', "
        "authenticated_at = now() - interval '2 hours', "
        "expires_at = now() - interval '1 hour' where id = %s",
        [token.id],
    )


def test_a_code_is_redeemed_by_what_it_was_issued_to(store: Store) -> None:
    client, minted, code = make_code(store)
    request = uuid4()
    result = redeem(store, client, minted, redemption_id=request)
    assert result.outcome == "redeemed"
    assert result.token is not None
    assert result.token.redeemed_at is not None
    assert (result.token.id, result.token.redemption_id) == (code.id, request)
    key: Fields = {"tenant_id": client.tenant_id, "token_id": code.id}
    assert store.tokens.get_by_id(**key) == result.token
    assert not live(store, code)
    assert family_is_alive(store, code)


def test_a_code_without_pkce_and_redirect_uri_is_redeemed_without(
    store: Store,
) -> None:
    bare: Fields = {"redirect_uri": None, "code_challenge": None}
    client, minted, _ = make_code(store, **bare)
    assert redeem(store, client, minted).outcome == "invalid"
    assert redeem(store, client, minted, **bare).outcome == "redeemed"


WRONG: list[Fields] = [
    {"client_id": "somebody-else"},
    {"redirect_uri": "https://evil.example/cb"},
    {"redirect_uri": None},
    {"code_challenge": "d" * 43},
    {"code_challenge": None},
    {"type": "device_code"},
    {"token_hash": bytes(32)},
    {"tenant_id": UUID(int=0)},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_presentation_is_invalid_and_revokes_nothing(
    store: Store, wrong: Fields
) -> None:
    client, minted, code = make_code(store)
    assert redeem(store, client, minted, **wrong) == Redemption(
        outcome="invalid", token=None
    )
    assert live(store, code)
    assert redeem(store, client, minted).outcome == "redeemed"
    assert redeem(store, client, minted, **wrong).outcome == "invalid"
    assert family_is_alive(store, code)


def test_another_client_of_the_tenant_cannot_redeem(store: Store) -> None:
    client, minted, code = make_code(store)
    thief = make_client(store, client.tenant_id)
    assert redeem(store, thief, minted).outcome == "invalid"
    assert live(store, code)


def test_a_request_that_is_repeated_is_told_so_and_the_family_lives(
    store: Store,
) -> None:
    client, minted, code = make_code(store)
    request = uuid4()
    redeem(store, client, minted, redemption_id=request)
    again = redeem(store, client, minted, redemption_id=request)
    assert again == Redemption(outcome="already_redeemed", token=None)
    assert family_is_alive(store, code)


def test_reuse_ends_the_family_and_what_the_winner_was_issued(store: Store) -> None:
    client, minted, code = make_code(store)
    request = uuid4()
    redeem(store, client, minted, redemption_id=request)
    family: Fields = {"authorization_id": code.authorization_id}
    issued = [
        make_token(store, client, "access", **family)[1],
        make_token(store, client, "refresh", **family)[1],
    ]
    _, stranger = make_token(store, client)
    for _ in range(2):
        assert redeem(store, client, minted).outcome == "reused"
        assert not family_is_alive(store, code)
    assert not any(live(store, token) for token in issued)
    assert live(store, stranger)
    retry = redeem(store, client, minted, redemption_id=request)
    assert retry.outcome == "already_redeemed"


def test_reuse_is_seen_after_the_code_has_expired(store: Store, dba: Dba) -> None:
    client, minted, code = make_code(store)
    redeem(store, client, minted)
    expire(dba, code)
    assert redeem(store, client, minted).outcome == "reused"
    assert not family_is_alive(store, code)


def test_an_expired_code_is_invalid(store: Store, dba: Dba) -> None:
    client, minted, code = make_code(store)
    expire(dba, code)
    assert redeem(store, client, minted).outcome == "invalid"
    assert family_is_alive(store, code)


DEATHS = {
    "token": "update authority.tokens set revoked_at = now(), revocation_reason = ''",
    "family": (
        "update authority.authorizations set revoked_at = now(), revocation_reason = ''"
    ),
    "client": "update authority.clients set enabled = false",
    "tenant": "update authority.tenants set status = 'suspended'",
    "user": "update authority.users set status = 'suspended'",
    "epoch": "update authority.users set tokens_valid_after = now()",
    "account": "update authority.service_accounts set enabled = false",
}


@pytest.mark.parametrize("what", DEATHS)
def test_nothing_dead_is_redeemed_or_rotated(store: Store, dba: Dba, what: str) -> None:
    client = make_client(store, make_tenant(store).id)
    subject: Fields = {"user_id": make_user(store, client.tenant_id).id}
    if what == "account":
        account = make_service_account(store, client.tenant_id)
        subject = {"service_account_id": account.id}
    family_id = make_authorization(store, client, **subject).id
    subject["authorization_id"] = family_id
    code, _ = make_token(store, client, "authorization_code", **subject)
    refresh, _ = make_token(store, client, "refresh", **subject)
    dba.execute(DEATHS[what].encode())
    plain: Fields = {"redirect_uri": None, "code_challenge": None}
    assert redeem(store, client, code, **plain).outcome == "invalid"
    assert rotate(store, client, refresh).outcome == "invalid"
    tokens = dba.execute("select redeemed_at from authority.tokens").fetchall()
    assert tokens == [(None,), (None,)]


@pytest.mark.parametrize("kind", ["user_id", "service_account_id", None])
def test_the_successors_carry_what_the_refresh_token_carried(
    store: Store, kind: str | None
) -> None:
    client = make_client(store, make_tenant(store).id)
    subject: Fields = {}
    if kind == "user_id":
        subject = {kind: make_user(store, client.tenant_id).id}
    elif kind:
        subject = {kind: make_service_account(store, client.tenant_id).id}
    minted, old = make_token(
        store,
        client,
        "refresh",
        scopes=["openid", "offline_access"],
        cnf_jkt="j" * 43,
        cnf_x5t_s256="x" * 43,
        payload=b"sealed",
        properties={"a": [1]},
        **subject,
    )
    result = rotate(store, client, minted)
    assert result.outcome == "rotated"
    refresh, access = result.refresh_token, result.access_token
    assert refresh is not None
    assert access is not None
    assert (refresh.type, access.type) == ("refresh", "access")
    for new, lifetime in ((refresh, 24 * HOUR), (access, HOUR)):
        assert new.client_id == client.id
        assert new.user_id == old.user_id
        assert new.service_account_id == old.service_account_id
        assert new.authorization_id == old.authorization_id
        assert new.scopes == ["openid", "offline_access"]
        assert (new.cnf_jkt, new.cnf_x5t_s256) == ("j" * 43, "x" * 43)
        assert (new.payload, new.properties) == (None, {"a": [1]})
        assert new.expires_at - new.created_at == lifetime
        assert live(store, new)
    assert not live(store, old)


def make_refresh(store: Store) -> tuple[Client, TokenString, Token]:
    client = make_client(store, make_tenant(store).id)
    return client, *make_token(store, client, "refresh")


def test_a_rotation_that_is_repeated_issues_nothing_more(store: Store) -> None:
    client, minted, token = make_refresh(store)
    request = uuid4()
    first = rotate(store, client, minted, redemption_id=request)
    again = rotate(store, client, minted, redemption_id=request)
    assert again == Rotation(
        outcome="already_redeemed", refresh_token=None, access_token=None
    )
    assert first.refresh_token is not None
    assert live(store, first.refresh_token)
    assert family_is_alive(store, token)


def test_reuse_of_a_refresh_token_ends_every_branch(store: Store) -> None:
    client, minted, token = make_refresh(store)
    successor = mint_token("refresh", client.tenant_id)
    rotate(store, client, minted, refresh_token_hash=successor.hash)
    newest = rotate(store, client, successor)
    assert newest.outcome == "rotated"
    assert rotate(store, client, minted).outcome == "reused"
    assert not family_is_alive(store, token)
    for issued in (newest.refresh_token, newest.access_token):
        assert issued is not None
        assert not live(store, issued)
    assert rotate(store, client, successor).outcome == "reused"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "somebody-else"},
        {"token_hash": bytes(32)},
        {"tenant_id": UUID(int=0)},
    ],
)
def test_a_wrong_rotation_is_invalid_and_revokes_nothing(
    store: Store, wrong: Fields
) -> None:
    client, minted, token = make_refresh(store)
    assert rotate(store, client, minted, **wrong).outcome == "invalid"
    assert live(store, token)
    assert rotate(store, client, minted).outcome == "rotated"
    assert rotate(store, client, minted, **wrong).outcome == "invalid"
    assert family_is_alive(store, token)


def test_only_a_refresh_token_is_rotated(store: Store) -> None:
    client, minted, code = make_code(store)
    assert rotate(store, client, minted).outcome == "invalid"
    assert live(store, code)


def test_a_rotation_that_fails_leaves_the_old_token_alive(store: Store) -> None:
    client, minted, token = make_refresh(store)
    same: Fields = {"refresh_token_hash": b"s" * 32, "access_token_hash": b"s" * 32}
    with pytest.raises(DuplicateError, match="tokens_tenant_id_token_hash_key"):
        rotate(store, client, minted, **same)
    with pytest.raises(DuplicateError, match="tokens_tenant_id_token_hash_key"):
        rotate(store, client, minted, access_token_hash=minted.hash)
    assert live(store, token)
    assert rotate(store, client, minted).outcome == "rotated"


def test_another_tenant_can_neither_redeem_nor_rotate(store: Store) -> None:
    client, minted, code = make_code(store)
    refresh, token = make_token(store, client, "refresh")
    other: Fields = {"tenant_id": make_tenant(store).id}
    for _ in range(2):
        assert redeem(store, client, minted, **other).outcome == "invalid"
        assert rotate(store, client, refresh, **other).outcome == "invalid"
    assert live(store, code)
    assert live(store, token)
