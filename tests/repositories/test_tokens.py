from datetime import timedelta
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import (
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
    TenantInactiveError,
)
from tests.factories import (
    HOUR,
    MINUTE,
    make_authorization,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.refusals import refusal_of
from tests.repositories.token_helpers import THUMBPRINT, Dba, Fields, sign_in


def test_a_created_token_is_found_by_id_and_by_hash_with_all_fields(
    store: Store,
) -> None:
    at = sign_in(
        store,
        scopes=["openid", "email"],
        nonce="n",
        cnf_jkt=THUMBPRINT,
        cnf_x5t_s256="B" * 43,
        payload=b"\x00sealed",
        properties={"device": {"name": None}},
    )
    token = at.token
    assert (token.type, token.token_hash) == ("access", at.minted.hash)
    assert (token.client_uuid, token.user_id) == (at.client.id, at.user.id)
    assert token.scopes == ["openid", "email"]
    assert (token.code_challenge, token.redirect_uri) == (None, None)
    assert token.nonce == "n"
    assert (token.cnf_jkt, token.cnf_x5t_s256) == (THUMBPRINT, "B" * 43)
    assert token.payload == b"\x00sealed"
    assert token.properties == {"device": {"name": None}}
    assert (token.parent_id, token.subject_authorization_id) == (None, None)
    assert token.actor is None
    assert token.expires_at - token.created_at == HOUR
    assert (token.redeemed_at, token.revoked_at) == (None, None)
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
def test_an_inactive_tenant_cannot_create_a_token(
    store: Store, dba: Dba, end: str
) -> None:
    client = make_client(store, make_tenant(store, status="trial").id)
    make_token(store, client)
    getattr(store.tenants, end)(tenant_id=client.tenant_id)
    with pytest.raises(TenantInactiveError):
        make_token(store, client)
    (issued,) = dba.execute("select count(*) from authority.tokens").fetchone() or (0,)
    assert issued == 1


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
            column = field.replace("authorization_id", "authorization_id_client_uuid")
            assert caught.value.constraint == f"tokens_tenant_id_{column}_fk"
    for id_ in (there.id, uuid4()):
        with pytest.raises(MissingReferenceError) as caught:
            store.tokens.create(
                tenant_id=here.tenant_id,
                type="access",
                token_hash=bytes(32),
                client_uuid=id_,
                lifetime=HOUR,
            )
        assert caught.value.constraint == "tokens_tenant_id_client_uuid_fk"


def test_a_hash_is_unique_in_a_tenant(store: Store) -> None:
    clients = [make_client(store, make_tenant(store).id) for _ in range(2)]
    for client in clients:
        store.tokens.create(
            tenant_id=client.tenant_id,
            type="access",
            token_hash=b"h" * 32,
            client_uuid=client.id,
            lifetime=HOUR,
        )
    with pytest.raises(DuplicateError) as caught:
        store.tokens.create(
            tenant_id=clients[0].tenant_id,
            type="access",
            token_hash=b"h" * 32,
            client_uuid=clients[0].id,
            lifetime=HOUR,
        )
    assert caught.value.constraint == "tokens_tenant_id_token_hash_key"


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"lifetime": 11 * MINUTE, "type": "authorization_code"}, "lifetime"),
        ({"type": "id"}, "type"),
        ({"type": "user_code"}, "type"),
        ({"type": "refresh", "authorization_id": None}, "authorization_id"),
        ({"redirect_uri": "https://a.example"}, "type"),
        ({"code_challenge": "c" * 43}, "type"),
        ({"scopes": ["openid admin"]}, "scopes"),
        ({"scopes": [f"s{n}" for n in range(101)]}, "scopes"),
        ({"cnf_jkt": "x" * 42}, "cnf_jkt"),
        ({"cnf_x5t_s256": "x" * 44}, "cnf_x5t_s256"),
        ({"scopes": ["openid", None]}, "scopes"),
    ],
)
def test_a_value_outside_its_column_is_refused(
    store: Store, fields: Fields, argument: str
) -> None:
    client = make_client(store, make_tenant(store).id)
    with refusal_of(argument):
        make_token(store, client, **fields)


@pytest.mark.parametrize("challenge", ["short", "=" * 43, "c" * 44])
def test_a_code_challenge_is_base64url_of_sha256(store: Store, challenge: str) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidArgumentError, match="code_challenge must be base64url"):
        make_token(store, client, "authorization_code", code_challenge=challenge)


@pytest.mark.parametrize("token_hash", [b"", bytes(31), b"1" * 33])
def test_a_hash_has_32_octets(store: Store, token_hash: bytes) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidArgumentError, match="token_hash must have 32 octets"):
        store.tokens.create(
            tenant_id=client.tenant_id,
            type="access",
            token_hash=token_hash,
            client_uuid=client.id,
            lifetime=HOUR,
        )


def test_a_token_has_at_most_one_subject(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidValueError, match="user_id_service_account_id_check"):
        make_token(
            store,
            client,
            user_id=make_user(store, client.tenant_id).id,
            service_account_id=make_service_account(store, client.tenant_id).id,
        )


@pytest.mark.parametrize("lifetime", [timedelta(0), -HOUR])
def test_a_lifetime_must_be_positive(store: Store, lifetime: timedelta) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidArgumentError, match="lifetime must be longer"):
        make_token(store, client, lifetime=lifetime)


def test_a_token_cannot_join_the_family_of_another_client(store: Store) -> None:
    tenant_id = make_tenant(store).id
    mine, theirs = (make_client(store, tenant_id) for _ in range(2))
    family = make_authorization(store, theirs)
    with pytest.raises(MissingReferenceError, match="authorization_id"):
        make_token(store, mine, authorization_id=family.id)


def test_a_code_must_belong_to_a_family(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidValueError, match="tokens_type_authorization_id_check"):
        make_token(store, client, "authorization_code", authorization_id=None)


def test_a_token_ends_with_its_family_and_protects_it_from_pruning(
    store: Store,
) -> None:
    client = make_client(store, make_tenant(store).id)
    family = make_authorization(store, client, lifetime=30 * MINUTE)
    _, short = make_token(
        store, client, authorization_id=family.id, lifetime=10 * MINUTE
    )
    _, long = make_token(store, client, "refresh", authorization_id=family.id)
    assert short.expires_at - short.created_at == 10 * MINUTE
    assert long.expires_at == family.expires_at
    kept = store.authorizations.get_by_id(
        tenant_id=client.tenant_id, authorization_id=family.id
    )
    assert kept is not None
    assert kept.tokens_expire_at >= long.expires_at
