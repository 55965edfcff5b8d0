"""Concurrent ceremonies of WebAuthn, counted."""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries import Store
from authority_queries.records import User
from tests.factories import make_tenant, make_user
from tests.flows.races import race
from tests.soft_authenticator import (
    SoftAuthenticator,
    assertion,
    enroll,
    in_5_minutes,
    new_challenge,
)
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
ROUNDS = 10


@pytest.fixture
def user(store: Store) -> User:
    return make_user(store, make_tenant(store).id)


def enrolled(store: Store, user: User, **fields: Any) -> SoftAuthenticator:
    device = SoftAuthenticator(user_handle=user.id.bytes, **fields)
    assert enroll(store, user, device).outcome == "enrolled"
    return device


def use(checked: dict[str, Any]) -> Callable[[Store], str]:
    return lambda store: store.webauthn_credentials.use(**checked).outcome


def counts(dba: Dba, device: SoftAuthenticator) -> tuple[int, bool]:
    """Return the stored counter, and whether a clone is suspected."""
    row = dba.execute(
        "select sign_count, clone_suspected_at is not null "
        "from authority.webauthn_credentials where credential_id = %s",
        [device.credential_id],
    ).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("counting", [True, False])
def test_one_of_8_presentations_of_an_assertion_is_accepted(
    store: Store, dba: Dba, logins: Logins, user: User, *, counting: bool
) -> None:
    device = enrolled(store, user, counts=counting)
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        checked = assertion(store, user.tenant_id, device, new_challenge())
        outcomes += Counter(race(logins, user.tenant_id, [use(checked)] * 8))
    assert outcomes == {"accepted": ROUNDS, "invalid": 7 * ROUNDS}
    assert counts(dba, device) == (ROUNDS if counting else 0, False)


def test_one_of_8_clones_with_one_count_is_accepted(
    store: Store, dba: Dba, logins: Logins, user: User
) -> None:
    device = enrolled(store, user)
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        clones = [device.clone() for _ in range(8)]
        runs = [
            use(assertion(store, user.tenant_id, each, new_challenge()))
            for each in clones
        ]
        outcomes += Counter(race(logins, user.tenant_id, runs))
        device = clones[0]
    assert outcomes == {"accepted": ROUNDS, "clone_suspected": 7 * ROUNDS}
    assert counts(dba, device) == (ROUNDS, True)


def test_the_highest_of_8_counts_remains(
    store: Store, dba: Dba, logins: Logins, user: User
) -> None:
    device = enrolled(store, user)
    for number in range(1, ROUNDS + 1):
        checked = [
            assertion(store, user.tenant_id, device, new_challenge()) for _ in range(8)
        ]
        # The highest count comes first: those behind it are suspected.
        runs = [use(each) for each in reversed(checked)]
        outcomes = race(logins, user.tenant_id, runs)
        assert outcomes[0] == "accepted"
        assert set(outcomes) <= {"accepted", "clone_suspected"}
        assert counts(dba, device)[0] == 8 * number


def test_one_of_8_registrations_of_a_credential_is_stored(
    store: Store, dba: Dba, logins: Logins, user: User
) -> None:
    others = [make_user(store, user.tenant_id) for _ in range(3)]
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        device = SoftAuthenticator(user_handle=user.id.bytes)
        runs = [
            registration(each, device, new_challenge()) for each in [user, *others] * 2
        ]
        outcomes += Counter(race(logins, user.tenant_id, runs))
    assert outcomes == {"enrolled": ROUNDS, "credential_exists": 7 * ROUNDS}
    assert stored(dba) == ROUNDS


def test_one_of_8_registrations_with_a_challenge_is_stored(
    store: Store, dba: Dba, logins: Logins, user: User
) -> None:
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        challenge = new_challenge()
        devices = [SoftAuthenticator(user_handle=user.id.bytes) for _ in range(8)]
        runs = [registration(user, each, challenge) for each in devices]
        outcomes += Counter(race(logins, user.tenant_id, runs))
    assert outcomes == {"enrolled": ROUNDS, "challenge_used": 7 * ROUNDS}
    assert stored(dba) == ROUNDS


def registration(
    user: User, device: SoftAuthenticator, challenge: bytes
) -> Callable[[Store], str]:
    end = in_5_minutes()

    def run(store: Store) -> str:
        return enroll(store, user, device, challenge, challenge_expires_at=end).outcome

    return run


def stored(dba: Dba) -> int:
    return len(dba.execute("select from authority.webauthn_credentials").fetchall())


@pytest.mark.parametrize("kind", ["user", "credential"])
def test_assertions_beside_a_deletion_leave_nothing(
    store: Store, dba: Dba, logins: Logins, kind: str
) -> None:
    tenant_id = make_tenant(store).id
    outcomes: Counter[str] = Counter()
    for _ in range(20):
        user = make_user(store, tenant_id)
        device = enrolled(store, user, counts=False)
        checked = [
            assertion(store, tenant_id, device, new_challenge()) for _ in range(7)
        ]
        runs = [use(each) for each in checked]
        runs.insert(3, deletion(user, kind))
        outcomes += Counter(race(logins, tenant_id, runs))
    assert outcomes.keys() <= {"accepted", "invalid", "deleted"}
    assert outcomes["deleted"] == 20
    assert outcomes["accepted"] > 0
    assert stored(dba) == 0


def deletion(user: User, kind: str) -> Callable[[Store], str]:
    key = {"tenant_id": user.tenant_id, "user_id": user.id}

    def run(store: Store) -> str:
        if kind == "user":
            return "deleted" if store.users.delete(**key) else "gone"
        [credential] = store.webauthn_credentials.list_by_user(**key)
        deleted = store.webauthn_credentials.delete(
            **key, webauthn_credential_id=credential.id
        )
        return "deleted" if deleted else "gone"

    return run
