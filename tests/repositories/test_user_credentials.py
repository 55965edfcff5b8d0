from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries import Keyring, Store, mint_totp_secret
from authority_queries.records import User
from authority_queries.secrets import mint_recovery_codes
from tests.factories import make_tenant, make_user
from tests.soft_authenticator import SoftAuthenticator, enroll, sign_in

Dba: TypeAlias = "psycopg.Connection[Any]"
KEYRING = Keyring(current="1", keys={"1": b"k" * 32})


@pytest.fixture
def user(store: Store) -> User:
    return make_user(store, make_tenant(store).id)


def give_all(store: Store, user: User, dba: Dba) -> SoftAuthenticator:
    """Enroll a key, a passkey, a confirmed and a pending TOTP secret, two codes."""
    key: dict[str, Any] = {"tenant_id": user.tenant_id, "user_id": user.id}
    store.recovery_codes.replace(**key, codes=mint_recovery_codes(2))
    secret = mint_totp_secret()
    store.totp_credentials.enroll(**key, secret=secret, keyring=KEYRING, name="Totp")
    [(step,)] = dba.execute("select authority.totp_step('30 s')").fetchall()
    first = store.totp_credentials.confirm(
        **key, code=secret.code(step), keyring=KEYRING
    )
    assert first.outcome == "confirmed"
    store.totp_credentials.enroll(
        **key, secret=mint_totp_secret(), keyring=KEYRING, name="Pending"
    )
    device = SoftAuthenticator(user_handle=user.id.bytes)
    enroll(store, user, device, name="Key", transports=["usb"])
    passkey = SoftAuthenticator(user_handle=user.id.bytes, backup_eligible=True)
    enroll(store, user, passkey, name="Passkey")
    return device


def test_all_factors_are_listed_in_one_call(store: Store, user: User, dba: Dba) -> None:
    key: dict[str, Any] = {"tenant_id": user.tenant_id, "user_id": user.id}
    assert store.user_credentials.list_by_user(**key) == []
    device = give_all(store, user, dba)
    sign_in(store, user.tenant_id, device)
    first, second, third, fourth = store.user_credentials.list_by_user(**key)
    assert first.kind == "webauthn"
    assert (first.name, first.credential_id) == ("Key", device.credential_id)
    assert (first.transports, first.uv_initialized) == (["usb"], True)
    assert first.last_used_at is not None
    assert (second.kind, second.name) == ("webauthn", "Passkey")
    assert (third.kind, third.name) == ("totp", "Totp")
    assert (fourth.kind, fourth.remaining) == ("recovery_codes", 2)
    assert {first.id, second.id} == {
        each.id for each in store.webauthn_credentials.list_by_user(**key)
    }


def test_used_up_codes_are_no_factor(store: Store, user: User) -> None:
    key: dict[str, Any] = {"tenant_id": user.tenant_id, "user_id": user.id}
    codes = mint_recovery_codes(1)
    store.recovery_codes.replace(**key, codes=codes)
    [factor] = store.user_credentials.list_by_user(**key)
    assert factor.remaining == 1
    store.recovery_codes.use(**key, code=codes[0])
    assert store.user_credentials.list_by_user(**key) == []


def test_all_factors_are_deleted_at_once(store: Store, user: User, dba: Dba) -> None:
    other = make_user(store, user.tenant_id)
    for owner in (user, other):
        give_all(store, owner, dba)
    key: dict[str, Any] = {"tenant_id": user.tenant_id, "user_id": user.id}
    deleted = store.user_credentials.delete_by_user(**key)
    assert deleted.webauthn_credentials == 2
    assert deleted.totp_credentials == 2
    assert deleted.recovery_codes == 2
    assert store.user_credentials.list_by_user(**key) == []
    kept = store.user_credentials.list_by_user(
        tenant_id=other.tenant_id, user_id=other.id
    )
    assert len(kept) == 4


def test_deleting_a_user_deletes_the_factors(
    store: Store, user: User, dba: Dba
) -> None:
    give_all(store, user, dba)
    store.users.delete(tenant_id=user.tenant_id, user_id=user.id)
    left = dba.execute(
        "select (select count(*) from authority.webauthn_credentials), "
        "(select count(*) from authority.totp_credentials), "
        "(select count(*) from authority.recovery_codes)"
    ).fetchall()
    assert left == [(0, 0, 0)]
