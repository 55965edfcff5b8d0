import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias, get_args
from uuid import UUID, uuid4

import psycopg
import pytest
from joserfc import jws
from joserfc.jwk import KeySet, import_key
from psycopg.types.json import Jsonb

from authority_queries import Keyring, SigningKey, Store, mint_signing_key
from authority_queries.errors import (
    DecryptionError,
    DuplicateError,
    InvalidArgumentError,
)
from authority_queries.queries import signing_keys
from authority_queries.records import SigningKeyAlg
from authority_queries.secrets.signing_keys import SigningAlgorithm
from authority_queries.testing import Clock
from tests.factories import HOUR, make_tenant
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
DAY = timedelta(days=1)
OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
CIPHERTEXT = b"\1" + bytes(40)
JWK = {"kty": "EC", "kid": "kid", "alg": "ES256", "use": "sig"}
KEYRING = Keyring(current="old", keys={"old": OLD})


def publish(store: Store, tenant_id: UUID, key: SigningKey | None = None) -> SigningKey:
    key = key or mint_signing_key("ES256")
    store.signing_keys.publish(tenant_id=tenant_id, key=key, keyring=KEYRING)
    return key


def rotate(store: Store, tenant_id: UUID) -> Any:
    return store.signing_keys.rotate(
        tenant_id=tenant_id, alg="ES256", tokens_live_for=HOUR
    )


def signing_kid(store: Store, tenant_id: UUID) -> str | None:
    key = store.signing_keys.get_signing(
        tenant_id=tenant_id, alg="ES256", keyring=KEYRING
    )
    return None if key is None else key.kid


def published_kids(store: Store, tenant_id: UUID) -> set[object]:
    document: Any = store.signing_keys.get_jwks(tenant_id=tenant_id).document
    return {key["kid"] for key in document["keys"]}


def states(store: Store, tenant_id: UUID) -> dict[str, str]:
    listed = store.signing_keys.list_states(tenant_id=tenant_id).items
    return {key.kid: key.state for key in listed}


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "ES512", "Ed25519"])
def test_a_minted_key_signs_what_its_published_jwk_verifies(
    store: Store, alg: SigningAlgorithm
) -> None:
    tenant_id = make_tenant(store).id
    minted = publish(store, tenant_id, mint_signing_key(alg))
    key = store.signing_keys.get_signing(tenant_id=tenant_id, alg=alg, keyring=KEYRING)
    assert key == minted
    kty: Any = key.public_jwk["kty"]
    private: Any = import_key(key.private_key, kty)
    signed = jws.serialize_compact(
        {"alg": alg, "kid": key.kid}, b"claims", private, algorithms=[alg]
    )
    document: Any = store.signing_keys.get_jwks(tenant_id=tenant_id).document
    verified = jws.deserialize_compact(
        signed, KeySet.import_key_set(document), algorithms=[alg]
    )
    assert verified.payload == b"claims"
    assert document["keys"] == [key.public_jwk]
    assert document["keys"][0]["kid"] == private.thumbprint()


def test_the_algorithms_of_both_sides_are_the_same() -> None:
    assert set(get_args(SigningAlgorithm)) == set(get_args(SigningKeyAlg))


def test_a_key_is_published_signs_retires_and_leaves_the_set(
    store: Store, clock: Clock
) -> None:
    tenant_id = make_tenant(store).id
    assert store.signing_keys.get_jwks(tenant_id=tenant_id).document == {"keys": []}
    first = publish(store, tenant_id)
    assert signing_kid(store, tenant_id) == first.kid
    second = publish(store, tenant_id)
    assert states(store, tenant_id) == {first.kid: "signing", second.kid: "next"}
    assert signing_kid(store, tenant_id) == first.kid
    too_early = rotate(store, tenant_id)
    assert too_early.outcome == "not_due"
    jwks = store.signing_keys.get_jwks(tenant_id=tenant_id)
    assert jwks.changes_at == too_early.signs_from

    clock.advance(DAY)
    rotated = rotate(store, tenant_id)
    assert (rotated.outcome, rotated.kid) == ("rotated", second.kid)
    assert rotated.retired_kid == first.kid
    assert signing_kid(store, tenant_id) == second.kid
    assert states(store, tenant_id) == {first.kid: "retired", second.kid: "signing"}
    assert published_kids(store, tenant_id) == {first.kid, second.kid}
    jwks = store.signing_keys.get_jwks(tenant_id=tenant_id)
    assert jwks.changes_at == rotated.retired_until

    clock.advance(HOUR)
    assert published_kids(store, tenant_id) == {second.kid}
    assert states(store, tenant_id)[first.kid] == "expired"
    assert store.signing_keys.get_jwks(tenant_id=tenant_id).changes_at is None
    assert rotate(store, tenant_id).outcome == "no_next"


def test_one_key_at_a_time_comes_next(store: Store) -> None:
    tenant_id = make_tenant(store).id
    first, second = publish(store, tenant_id), publish(store, tenant_id)
    third = store.signing_keys.publish(
        tenant_id=tenant_id, key=mint_signing_key("ES256"), keyring=KEYRING
    )
    assert (third.outcome, third.kid) == ("exists", None)
    assert published_kids(store, tenant_id) == {first.kid, second.kid}
    other = publish(store, tenant_id, mint_signing_key("EdDSA"))
    assert states(store, tenant_id)[other.kid] == "signing"
    with pytest.raises(DuplicateError):
        publish(store, tenant_id, replace(other))


def test_a_retired_key_has_no_private_key(store: Store, dba: Dba, clock: Clock) -> None:
    tenant_id = make_tenant(store).id
    first = publish(store, tenant_id)
    publish(store, tenant_id)
    clock.advance(DAY)
    rotate(store, tenant_id)
    kept = dba.execute(
        "select kid from authority.signing_keys where private_key is null"
    ).fetchall()
    assert kept == [(first.kid,)]


def test_a_compromised_key_is_gone_at_once_and_the_next_one_signs(store: Store) -> None:
    tenant_id = make_tenant(store).id
    first, second = publish(store, tenant_id), publish(store, tenant_id)
    withdrawn = store.signing_keys.withdraw_compromised(
        tenant_id=tenant_id, kid=first.kid, reason="laptop stolen"
    )
    assert (withdrawn.outcome, withdrawn.signing_kid) == ("compromised", second.kid)
    assert signing_kid(store, tenant_id) == second.kid
    assert published_kids(store, tenant_id) == {second.kid}
    assert states(store, tenant_id)[first.kid] == "compromised"
    (entry,) = store.revocations.list_since(tenant_id=tenant_id)
    assert (entry.category, entry.target) == ("key", first.kid)
    assert (entry.reason, entry.sequence) == ("laptop stolen", withdrawn.sequence)
    assert entry.expires_at is None
    again = store.signing_keys.withdraw_compromised(tenant_id=tenant_id, kid=first.kid)
    assert again.outcome == "already_compromised"
    unknown = store.signing_keys.withdraw_compromised(tenant_id=tenant_id, kid="other")
    assert unknown.outcome == "unknown"
    assert store.revocations.get_position(tenant_id=tenant_id) == 1


def test_withdrawing_another_key_leaves_the_one_that_signs(
    store: Store, clock: Clock
) -> None:
    tenant_id = make_tenant(store).id
    first, second = publish(store, tenant_id), publish(store, tenant_id)
    clock.advance(DAY)
    rotate(store, tenant_id)
    third = publish(store, tenant_id)
    for kid in (first.kid, third.kid):  # the retired one, the next one
        withdrawn = store.signing_keys.withdraw_compromised(
            tenant_id=tenant_id, kid=kid
        )
        assert withdrawn.signing_kid == second.kid
    assert published_kids(store, tenant_id) == {second.kid}


def test_after_the_last_key_is_withdrawn_the_first_published_signs(
    store: Store,
) -> None:
    tenant_id = make_tenant(store).id
    first = publish(store, tenant_id)
    withdrawn = store.signing_keys.withdraw_compromised(
        tenant_id=tenant_id, kid=first.kid
    )
    assert withdrawn.signing_kid is None
    assert signing_kid(store, tenant_id) is None
    second = publish(store, tenant_id)
    assert signing_kid(store, tenant_id) == second.kid


def test_the_keys_of_a_tenant_are_encrypted_again_in_one_call(store: Store) -> None:
    tenant_id = make_tenant(store).id
    keys = [publish(store, tenant_id), publish(store, tenant_id)]
    both = Keyring(current="new", keys={"new": NEW, "old": OLD})
    assert store.signing_keys.reencrypt(tenant_id=tenant_id, keyring=both) == 2
    assert store.signing_keys.reencrypt(tenant_id=tenant_id, keyring=both) == 0
    only_new = Keyring(current="new", keys={"new": NEW})
    key = store.signing_keys.get_signing(
        tenant_id=tenant_id, alg="ES256", keyring=only_new
    )
    assert key == keys[0]
    with pytest.raises(DecryptionError):
        signing_kid(store, tenant_id)


def test_a_key_that_is_encrypted_again_meanwhile_stays(
    dba: Dba, logins: Logins
) -> None:
    tenant_id = new_tenant(dba)
    with (
        psycopg.connect(logins.app, autocommit=True) as connection,
        Store.unit(connection, tenant_id) as store,
    ):
        key = publish(store, tenant_id)
        assert not signing_keys.replace_ciphertext(
            store.connection,
            tenant_id=tenant_id,
            kid=key.kid,
            old_private_key=CIPHERTEXT,
            private_key=CIPHERTEXT,
            encryption_key_id="new",
        )
        assert signing_kid(store, tenant_id) == key.kid


def test_a_ciphertext_moved_to_another_key_does_not_decrypt(
    store: Store, dba: Dba
) -> None:
    tenant_id = make_tenant(store).id
    publish(store, tenant_id)
    publish(store, tenant_id)
    dba.execute(
        "update authority.signing_keys set private_key = other.private_key "
        "from authority.signing_keys as other where signing_keys.kid <> other.kid"
    )
    with pytest.raises(DecryptionError):
        signing_kid(store, tenant_id)


MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]


@pytest.mark.parametrize("member", MEMBERS)
def test_python_refuses_a_private_member(member: str) -> None:
    key = mint_signing_key("ES256")
    with pytest.raises(InvalidArgumentError, match="no member of a private key"):
        replace(key, public_jwk={**key.public_jwk, member: "c2VjcmV0"})
    assert "PRIVATE" not in repr(key)


@pytest.mark.parametrize(
    "changed",
    [
        *({member: "c2VjcmV0"} for member in MEMBERS),
        {"kid": "other"},
        {"kid": None},
        {"alg": "ES384"},
        {"use": "enc"},
        {"kty": "RSA"},
        {"kty": None},
    ],
    ids=str,
)
def test_the_table_refuses_a_private_member_and_another_key_s_jwk(
    dba: Dba, changed: dict[str, object]
) -> None:
    jwk = {**JWK, **changed}
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        insert(dba, public_jwk=Jsonb({name: jwk[name] for name in jwk if jwk[name]}))
    assert caught.value.diag.constraint_name == "signing_keys_public_jwk_check"


def test_the_table_refuses_a_private_key_that_is_not_encrypted(dba: Dba) -> None:
    for plain in (
        mint_signing_key("ES256").private_key,
        b"\x30" + bytes(40),
        bytes(99),
    ):
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            insert(dba, private_key=plain)
        assert caught.value.diag.constraint_name == "signing_keys_private_key_check"
    insert(dba)


def insert(dba: Dba, **fields: Any) -> None:
    """Insert a row without the checks of the repository."""
    row = {
        "tenant_id": new_tenant(dba),
        "kid": "kid",
        "alg": "ES256",
        "public_jwk": Jsonb(JWK),
        "private_key": CIPHERTEXT,
        "encryption_key_id": "old",
        **fields,
    }
    dba.execute(
        "insert into authority.signing_keys (tenant_id, kid, alg, public_jwk, "
        "private_key, encryption_key_id, signs_from) values (%(tenant_id)s, %(kid)s, "
        "%(alg)s, %(public_jwk)s, %(private_key)s, %(encryption_key_id)s, now())",
        row,
    )


def new_tenant(dba: Dba) -> UUID:
    tenant_id = uuid4()
    dba.execute(
        "insert into authority.tenants (id, code, display_name) "
        "values (%s, %s, 'A tenant')",
        [tenant_id, str(tenant_id)],
    )
    return tenant_id


def test_the_table_holds_one_signing_key_of_an_algorithm(
    store: Store, dba: Dba
) -> None:
    tenant_id = make_tenant(store).id
    publish(store, tenant_id)
    publish(store, tenant_id)
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        dba.execute("update authority.signing_keys set activated_at = now()")
    assert caught.value.diag.constraint_name == "signing_keys_tenant_id_alg_key"


def test_keys_that_left_the_set_are_pruned(store: Store, clock: Clock) -> None:
    tenant_id = make_tenant(store).id
    publish(store, tenant_id)
    second = publish(store, tenant_id)
    clock.advance(DAY)
    rotate(store, tenant_id)
    clock.advance(DAY)
    assert store.signing_keys.prune_expired(older_than=DAY) == 0
    clock.advance(HOUR)
    assert store.signing_keys.prune_expired(older_than=DAY) == 1
    assert list(states(store, tenant_id)) == [second.kid]
