from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
    TenantInactiveError,
)
from authority_queries.records import Client, ServiceAccount, Token, User, VerifiedToken
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
THUMBPRINT = "A" * 43


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """An access token of a user, under an authorization."""

    client: Client
    user: User
    minted: TokenString
    token: Token

    @property
    def tenant_id(self) -> UUID:
        return self.client.tenant_id


def sign_in(store: Store, **fields: Any) -> SignIn:
    client = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    family = make_authorization(store, client, user_id=user.id)
    minted, token = make_token(
        store, client, user_id=user.id, authorization_id=family.id, **fields
    )
    return SignIn(client=client, user=user, minted=minted, token=token)


def age(dba: Dba, token: Token, by: timedelta) -> None:
    dba.execute(
        "update authority.tokens set created_at = created_at - %(by)s::interval, "
        "expires_at = expires_at - %(by)s::interval where id = %(id)s",
        {"id": token.id, "by": by},
    )


def redeem(store: Store, client: Client, minted: TokenString, token: Token) -> None:
    result = store.tokens.redeem(
        tenant_id=client.tenant_id,
        token_hash=minted.hash,
        type=token.type,
        client_id=client.client_id,
        redemption_id=uuid4(),
    )
    assert result.outcome == "redeemed"


def active_ids(store: Store, client: Client, **page: Any) -> list[UUID]:
    tokens = store.tokens.list_active_by_client(
        tenant_id=client.tenant_id, client_id=client.id, **page
    )
    return [token.id for token in tokens]


def verify(store: Store, minted: TokenString) -> VerifiedToken | None:
    return store.tokens.verify(tenant_id=minted.tenant_id, token_hash=minted.hash)


def revoke(store: Store, at: SignIn) -> bool:
    return store.tokens.revoke_by_id(
        tenant_id=at.tenant_id, token_id=at.token.id, reason="stolen"
    )


def revoke_authorization(store: Store, token: Token) -> bool:
    assert token.authorization_id is not None
    return store.authorizations.revoke(
        tenant_id=token.tenant_id,
        authorization_id=token.authorization_id,
        reason="consent withdrawn",
    )


def set_user_status(dba: Dba, user: User, status: str) -> None:
    dba.execute(
        "update authority.users set status = %s where id = %s", [status, user.id]
    )


def disable_client(dba: Dba, client: Client) -> None:
    dba.execute(
        "update authority.clients set enabled = false where id = %s", [client.id]
    )


def test_a_created_token_is_found_by_id_and_by_hash_with_all_it_carries(
    store: Store,
) -> None:
    at = sign_in(
        store,
        scopes=["openid", "email"],
        code_challenge="c" * 43,
        redirect_uri="https://app.example/cb",
        nonce="n",
        cnf_jkt=THUMBPRINT,
        cnf_x5t_s256="B" * 43,
        payload=b"\x00sealed",
        properties={"device": {"name": None}},
    )
    token = at.token
    assert (token.type, token.token_hash) == ("access", at.minted.hash)
    assert (token.client_id, token.user_id) == (at.client.id, at.user.id)
    assert token.scopes == ["openid", "email"]
    assert (token.code_challenge, token.nonce) == ("c" * 43, "n")
    assert token.redirect_uri == "https://app.example/cb"
    assert (token.cnf_jkt, token.cnf_x5t_s256) == (THUMBPRINT, "B" * 43)
    assert token.payload == b"\x00sealed"
    assert token.properties == {"device": {"name": None}}
    assert token.expires_at - token.created_at == HOUR
    assert (token.redeemed_at, token.redemption_id, token.revoked_at) == (None,) * 3
    key: Fields = {"tenant_id": at.tenant_id}
    assert store.tokens.get_by_id(**key, token_id=token.id) == token
    assert store.tokens.get_by_hash(**key, token_hash=at.minted.hash) == token
    assert store.tokens.get_by_id(**key, token_id=uuid4()) is None
    assert store.tokens.get_by_hash(**key, token_hash=bytes(32)) is None


def test_neither_hash_nor_payload_shows_in_repr(store: Store) -> None:
    at = sign_in(store, payload=b"sealed")
    assert "hash" not in repr(at.token)
    assert "sealed" not in repr(at.token)


@pytest.mark.parametrize("end", ["suspend", "terminate"])
def test_an_inactive_tenant_is_issued_nothing(store: Store, end: str) -> None:
    client = make_client(store, make_tenant(store, status="trial").id)
    make_token(store, client)
    getattr(store.tenants, end)(tenant_id=client.tenant_id)
    with pytest.raises(TenantInactiveError):
        make_token(store, client)
    assert len(active_ids(store, client)) == 1


def test_a_token_names_only_what_exists_in_its_tenant(store: Store) -> None:
    here, there = (make_client(store, make_tenant(store).id) for _ in range(2))
    theirs: Fields = {
        "user_id": make_user(store, there.tenant_id).id,
        "service_account_id": make_service_account(store, there.tenant_id).id,
        "authorization_id": make_authorization(store, there).id,
    }
    for field, value in theirs.items():
        for id_ in (value, uuid4()):
            wrong: Fields = {field: id_}
            with pytest.raises(MissingReferenceError) as caught:
                make_token(store, here, **wrong)
            assert caught.value.constraint == f"tokens_tenant_id_{field}_fk"
    for id_ in (there.id, uuid4()):
        with pytest.raises(MissingReferenceError) as caught:
            store.tokens.create(
                tenant_id=here.tenant_id,
                type="access",
                token_hash=bytes(32),
                client_id=id_,
                lifetime=HOUR,
            )
        assert caught.value.constraint == "tokens_tenant_id_client_id_fk"


def test_a_hash_is_unique_in_a_tenant(store: Store) -> None:
    clients = [make_client(store, make_tenant(store).id) for _ in range(2)]
    for client in clients:
        store.tokens.create(
            tenant_id=client.tenant_id,
            type="access",
            token_hash=b"h" * 32,
            client_id=client.id,
            lifetime=HOUR,
        )
    with pytest.raises(DuplicateError) as caught:
        store.tokens.create(
            tenant_id=clients[0].tenant_id,
            type="access",
            token_hash=b"h" * 32,
            client_id=clients[0].id,
            lifetime=HOUR,
        )
    assert caught.value.constraint == "tokens_tenant_id_token_hash_key"


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"type": "id"}, "type"),
        ({"type": "refresh", "authorization_id": None}, "refresh_authorization_id"),
        ({"code_challenge": "too-short"}, "code_challenge"),
        ({"code_challenge": "=" * 43}, "code_challenge"),
        ({"cnf_jkt": "x" * 42}, "cnf_jkt"),
        ({"cnf_x5t_s256": "x" * 44}, "cnf_x5t_s256"),
        ({"scopes": ["openid", None]}, "scopes"),
        ({"lifetime": timedelta(0)}, "expires_at"),
        ({"lifetime": -HOUR}, "expires_at"),
    ],
)
def test_a_value_outside_its_column_is_refused(
    store: Store, fields: Fields, check: str
) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidValueError) as caught:
        make_token(store, client, **fields)
    assert caught.value.constraint == f"tokens_{check}_check"


@pytest.mark.parametrize("token_hash", [b"", bytes(31), bytes(33)])
def test_a_hash_has_32_octets(store: Store, token_hash: bytes) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidValueError, match="tokens_token_hash_check"):
        store.tokens.create(
            tenant_id=client.tenant_id,
            type="access",
            token_hash=token_hash,
            client_id=client.id,
            lifetime=HOUR,
        )


def test_a_token_speaks_for_one_subject(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidValueError, match="user_id_service_account_id_check"):
        make_token(
            store,
            client,
            user_id=make_user(store, client.tenant_id).id,
            service_account_id=make_service_account(store, client.tenant_id).id,
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


DEATHS: dict[str, Callable[[Store, Dba, SignIn], object]] = {
    "expired": lambda _, dba, at: age(dba, at.token, HOUR),
    "redeemed": lambda s, _, at: redeem(s, at.client, at.minted, at.token),
    "revoked": lambda s, _, at: revoke(s, at),
    "authorization revoked": lambda s, _, at: revoke_authorization(s, at.token),
    "client disabled": lambda _, dba, at: disable_client(dba, at.client),
    "user suspended": lambda _, dba, at: set_user_status(dba, at.user, "suspended"),
    "user pending": lambda _, dba, at: set_user_status(dba, at.user, "pending"),
    "epoch moved": lambda s, _, at: s.users.revoke_tokens(
        tenant_id=at.tenant_id, user_id=at.user.id
    ),
    "tenant suspended": lambda s, _, at: s.tenants.suspend(tenant_id=at.tenant_id),
    "tenant terminated": lambda s, _, at: s.tenants.terminate(tenant_id=at.tenant_id),
}


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
    ["expired", "redeemed", "revoked", "authorization revoked", "epoch moved"],
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
    redeem(store, at.client, minted, code)
    for token in (code, unused):
        age(dba, token, 2 * HOUR)
    assert store.tokens.prune_expired() == 1
    assert store.tokens.get_by_id(tenant_id=at.tenant_id, token_id=code.id) is not None
    age(dba, at.token, 2 * HOUR)
    assert store.tokens.prune_expired() == 2
