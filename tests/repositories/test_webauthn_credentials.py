"""Real ceremonies of an authenticator in software, verified by py_webauthn."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import InvalidValueError, OpenTransactionError
from authority_queries.records import User, WebauthnCredential
from authority_queries.testing import Clock
from tests.factories import make_tenant, make_user
from tests.refusals import refusal_of
from tests.soft_authenticator import (
    SoftAuthenticator,
    assertion,
    enroll,
    in_5_minutes,
    new_challenge,
    sign_in,
)
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def user(store: Store) -> User:
    return make_user(store, make_tenant(store).id)


def device_of(user: User, **fields: Any) -> SoftAuthenticator:
    return SoftAuthenticator(user_handle=user.id.bytes, **fields)


def enrolled(store: Store, user: User, **fields: Any) -> SoftAuthenticator:
    device = device_of(user, **fields)
    assert enroll(store, user, device).outcome == "enrolled"
    return device


def stored(store: Store, user: User) -> WebauthnCredential:
    [credential] = store.webauthn_credentials.list_by_user(
        tenant_id=user.tenant_id, user_id=user.id
    )
    return credential


def test_a_registration_and_assertions_go_through_the_store(
    store: Store, user: User
) -> None:
    device = device_of(user)
    enrollment = enroll(
        store, user, device, name="Key", transports=["usb", "hybrid"], discoverable=True
    )
    assert enrollment.outcome == "enrolled"
    before = stored(store, user)
    assert before.id == enrollment.webauthn_credential_id
    assert before.credential_id == device.credential_id
    assert before.user_handle == user.id.bytes
    assert before.aaguid == device.aaguid
    assert before.transports == ["usb", "hybrid"]
    assert (before.name, before.discoverable) == ("Key", True)
    assert (before.sign_count, before.last_used_at) == (0, None)
    assert before.uv_initialized
    for count in (1, 2):
        use = sign_in(store, user.tenant_id, device)
        assert use.outcome == "accepted"
        assert (use.user_id, use.username) == (user.id, user.username)
        assert use.webauthn_credential_id == before.id
        after = stored(store, user)
        assert after.sign_count == count
        assert after.last_used_at is not None
    assert after.clone_suspected_at is None


def test_a_count_that_does_not_grow_is_a_clone(store: Store, user: User) -> None:
    device = enrolled(store, user, sign_count=7)
    clone = device.clone()
    assert sign_in(store, user.tenant_id, device).outcome == "accepted"
    for behind in (clone, device_of(user, **_copied(device), counts=False)):
        suspected = sign_in(store, user.tenant_id, behind)
        assert suspected.outcome == "clone_suspected"
        assert suspected.user_id == user.id
    credential = stored(store, user)
    assert credential.sign_count == 8
    assert credential.clone_suspected_at is not None
    # The policy is the caller's: later counts are accepted, and the result still warns.
    again = sign_in(store, user.tenant_id, device)
    assert again.outcome == "accepted"
    assert again.clone_suspected_at == credential.clone_suspected_at


def test_a_count_of_0_after_another_is_a_clone(store: Store, user: User) -> None:
    device = enrolled(store, user, sign_count=1)
    silent = device_of(user, **{**_copied(device), "sign_count": 0}, counts=False)
    assert sign_in(store, user.tenant_id, silent).outcome == "clone_suspected"


def _copied(device: SoftAuthenticator) -> dict[str, Any]:
    names = ("credential_id", "key", "sign_count")
    return {name: getattr(device, name) for name in names}


def test_a_passkey_without_a_counter_is_accepted_again(
    store: Store, user: User
) -> None:
    device = enrolled(store, user, counts=False, backup_eligible=True)
    for backed_up in (True, False, True):
        device.backed_up = backed_up
        assert sign_in(store, user.tenant_id, device).outcome == "accepted"
        assert stored(store, user).backed_up == backed_up
    assert stored(store, user).sign_count == 0


def test_a_challenge_is_used_once(store: Store, user: User) -> None:
    challenge, device = new_challenge(), device_of(user, counts=False)
    other = device_of(user)
    assert enroll(store, user, device, challenge).outcome == "enrolled"
    assert enroll(store, user, other, challenge).outcome == "challenge_used"
    checked = assertion(store, user.tenant_id, device, challenge)
    assert store.webauthn_credentials.use(**checked).outcome == "invalid"
    checked = assertion(store, user.tenant_id, device, new_challenge())
    assert store.webauthn_credentials.use(**checked).outcome == "accepted"
    assert store.webauthn_credentials.use(**checked).outcome == "invalid"
    # A replay is no clone.
    assert stored(store, user).clone_suspected_at is None


def test_an_expired_challenge_is_refused(
    store: Store, user: User, clock: Clock
) -> None:
    end = in_5_minutes()
    device = enrolled(store, user)
    late: dict[str, Any] = {"challenge_expires_at": end}
    clock.advance(6 * MINUTE)
    assert sign_in(store, user.tenant_id, device, **late).outcome == "invalid"
    outcome = enroll(store, user, device_of(user), **late).outcome
    assert outcome == "challenge_used"


def test_a_challenge_ends_within_a_day(store: Store, user: User) -> None:
    late = datetime.now(UTC) + timedelta(days=2)
    with pytest.raises(InvalidValueError, match="used_jtis_expires_at_check"):
        enroll(store, user, device_of(user), challenge_expires_at=late)


def test_a_credential_belongs_to_one_user(store: Store, user: User) -> None:
    device = enrolled(store, user)
    other = make_user(store, user.tenant_id)
    for owner in (user, other):
        assert enroll(store, owner, device).outcome == "credential_exists"
    abroad = make_user(store, make_tenant(store).id)
    assert enroll(store, abroad, device).outcome == "enrolled"
    # There the device has the handle of another account.
    assert sign_in(store, abroad.tenant_id, device).outcome == "invalid"
    device.user_handle = abroad.id.bytes
    use = sign_in(store, abroad.tenant_id, device)
    assert (use.outcome, use.user_id) == ("accepted", abroad.id)


@pytest.mark.parametrize(
    "changed",
    [
        {"user_id": UUID(int=7)},
        {"user_handle": b"another"},
        {"user_handle": None},
        {"credential_id": b"of nobody at all"},
        {"backup_eligible": True},
    ],
    ids=str,
)
def test_an_assertion_must_match_the_credential(
    store: Store, user: User, changed: dict[str, Any]
) -> None:
    device = enrolled(store, user)
    use = sign_in(store, user.tenant_id, device, **changed)
    assert use.outcome == "invalid"
    assert (use.user_id, use.webauthn_credential_id) == (None, None)
    credential = stored(store, user)
    assert (credential.sign_count, credential.last_used_at) == (0, None)


def test_a_known_user_needs_no_handle(store: Store, user: User) -> None:
    device = enrolled(store, user)
    known = {"user_id": user.id, "user_handle": None}
    assert sign_in(store, user.tenant_id, device, **known).outcome == "accepted"


def test_a_handle_of_another_system_is_kept(store: Store, user: User) -> None:
    device = SoftAuthenticator(user_handle=b"keycloak 4711")
    enroll(store, user, device, user_handle=device.user_handle)
    assert sign_in(store, user.tenant_id, device).outcome == "accepted"


@pytest.mark.parametrize("status", ["pending", "suspended"])
def test_only_active_users_sign_in(
    store: Store, user: User, dba: Dba, status: str
) -> None:
    device = enrolled(store, user)
    dba.execute("update authority.users set status = %s", (status,))
    assert sign_in(store, user.tenant_id, device).outcome == "invalid"
    second = enroll(store, user, device_of(user)).outcome
    assert second == ("enrolled" if status == "pending" else "user_inactive")


def test_an_unknown_user_has_no_credentials(store: Store, user: User) -> None:
    store.users.delete(tenant_id=user.tenant_id, user_id=user.id)
    assert enroll(store, user, device_of(user)).outcome == "user_inactive"


def test_a_later_verification_of_the_user_counts_if_authorized(
    store: Store, user: User
) -> None:
    device = enrolled(store, user, verifies_user=False)
    assert not stored(store, user).uv_initialized
    device.verifies_user = True
    for authorized in (False, True, False):
        use = sign_in(store, user.tenant_id, device, initializes_uv=authorized)
        assert use.outcome == "accepted"
        outcomes = (use.uv_initialized, stored(store, user).uv_initialized)
        assert outcomes == (device.sign_count > 1,) * 2


def test_a_user_renames_and_deletes_only_own_credentials(
    store: Store, user: User
) -> None:
    enrolled(store, user)
    other = make_user(store, user.tenant_id)
    credential = stored(store, user)
    credentials = store.webauthn_credentials
    key: dict[str, UUID] = {
        "tenant_id": user.tenant_id,
        "webauthn_credential_id": credential.id,
    }
    assert not credentials.rename(**key, user_id=other.id, name="Mine")
    assert not credentials.delete(**key, user_id=other.id)
    assert credentials.rename(**key, user_id=user.id, name="Phone")
    assert stored(store, user).name == "Phone"
    assert credentials.delete(**key, user_id=user.id)
    assert not credentials.delete(**key, user_id=user.id)
    gone = credentials.get_by_credential_id(
        tenant_id=user.tenant_id, credential_id=credential.credential_id
    )
    assert gone is None


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"challenge": b"x" * 15}, "challenge"),
        ({"credential_id": b"x" * 15}, "credential_id"),
        ({"credential_id": b"x" * 1024}, "credential_id"),
        ({"user_handle": b"x" * 65}, "user_handle"),
        ({"public_key": b"x" * 4097}, "public_key"),
        ({"sign_count": 2**32}, "sign_count"),
        ({"sign_count": -1}, "sign_count"),
        ({"transports": ["usb", "usb"]}, "transports"),
        ({"name": "x" * 257}, "name"),
    ],
)
def test_values_are_bounded(
    store: Store, user: User, fields: dict[str, Any], argument: str
) -> None:
    with refusal_of(argument):
        enroll(store, user, device_of(user), **fields)


def test_a_backup_needs_an_eligible_credential(store: Store, user: User) -> None:
    with pytest.raises(InvalidValueError, match="backup_eligible_backed_up_check"):
        enroll(store, user, device_of(user), backed_up=True)


def test_a_rollback_cannot_free_a_challenge(
    store: Store, user: User, logins: Logins
) -> None:
    device = enrolled(store, user)
    with psycopg.connect(logins.app_for(user.tenant_id)) as connection:
        inside = Store(connection)
        with pytest.raises(OpenTransactionError):
            sign_in(inside, user.tenant_id, device)


def test_deleting_a_user_deletes_the_credentials(
    store: Store, user: User, dba: Dba
) -> None:
    enrolled(store, user)
    store.users.delete(tenant_id=user.tenant_id, user_id=user.id)
    assert not dba.execute("select from authority.webauthn_credentials").fetchall()
