"""Concurrent one-time codes and recovery codes, counted."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries import Keyring, Store, TotpSecret, mint_totp_secret
from authority_queries.queries import totp_credentials
from authority_queries.records import User
from authority_queries.secrets import mint_recovery_codes
from authority_queries.testing import Clock
from tests.factories import make_tenant, make_user
from tests.flows.races import race
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
KEYRING = Keyring(current="1", keys={"1": b"k" * 32})
STEP = timedelta(seconds=30)
ROUNDS = 10


@pytest.fixture
def user(store: Store) -> User:
    return make_user(store, make_tenant(store).id)


class Steps:
    """A clock that stands still, a second after a time step began."""

    def __init__(self, clock: Clock) -> None:
        now = int(datetime.now(UTC).timestamp())
        self._clock, self.now = clock, now // 30
        clock.freeze(datetime.fromtimestamp(self.now * 30 + 1, UTC))

    def advance(self, steps: int) -> None:
        self.now += steps
        self._clock.advance(steps * STEP)


@pytest.fixture
def steps(clock: Clock) -> Steps:
    return Steps(clock)


def enroll(store: Store, user: User) -> TotpSecret:
    secret = mint_totp_secret()
    store.totp_credentials.enroll(
        tenant_id=user.tenant_id, user_id=user.id, secret=secret, keyring=KEYRING
    )
    return secret


def confirmed(store: Store, user: User, steps: Steps) -> TotpSecret:
    secret = enroll(store, user)
    assert confirm(user, secret.code(steps.now))(store) == "confirmed"
    steps.advance(5)
    return secret


def confirm(user: User, code: str) -> Callable[[Store], str]:
    return lambda store: (
        store.totp_credentials.confirm(
            tenant_id=user.tenant_id, user_id=user.id, code=code, keyring=KEYRING
        ).outcome
    )


def check(user: User, code: str) -> Callable[[Store], str]:
    return lambda store: (
        store.totp_credentials.check(
            tenant_id=user.tenant_id, user_id=user.id, code=code, keyring=KEYRING
        ).outcome
    )


def recover(user: User, code: str) -> Callable[[Store], tuple[str, int | None]]:
    def run(store: Store) -> tuple[str, int | None]:
        used = store.recovery_codes.use(
            tenant_id=user.tenant_id, user_id=user.id, code=code
        )
        return used.outcome, used.remaining

    return run


def last_step(dba: Dba) -> int:
    [(step,)] = dba.execute(
        "select last_used_step from authority.totp_credentials"
    ).fetchall()
    return int(step)


def test_one_of_8_checks_of_a_code_is_accepted(
    store: Store, logins: Logins, user: User, steps: Steps
) -> None:
    secret = confirmed(store, user, steps)
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        steps.advance(1)
        checks = [check(user, secret.code(steps.now))] * 8
        outcomes += Counter(race(logins, user.tenant_id, checks))
    assert outcomes == {"accepted": ROUNDS, "step_used": 7 * ROUNDS}


def test_one_of_8_uses_of_a_step_is_accepted(
    store: Store, dba: Dba, logins: Logins, user: User, steps: Steps
) -> None:
    confirmed(store, user, steps)
    [(totp_id,)] = dba.execute("select id from authority.totp_credentials").fetchall()

    def use(store: Store) -> str:
        return totp_credentials.use(
            store.connection,
            tenant_id=user.tenant_id,
            user_id=user.id,
            totp_credential_id=totp_id,
            step=steps.now,
            drift=1,
        ).outcome

    outcomes: Counter[str] = Counter()
    for _ in range(2 * ROUNDS):
        steps.advance(1)
        outcomes += Counter(race(logins, user.tenant_id, [use] * 8))
    assert outcomes == {"accepted": 2 * ROUNDS, "step_used": 14 * ROUNDS}


def test_the_latest_of_several_steps_remains(
    store: Store, dba: Dba, logins: Logins, user: User, steps: Steps
) -> None:
    secret = confirmed(store, user, steps)
    for _ in range(ROUNDS):
        steps.advance(3)
        codes = [secret.code(steps.now + offset) for offset in (1, 0, -1)]
        runs = [check(user, code) for code in codes for _ in range(3)]
        outcomes = race(logins, user.tenant_id, runs)
        by_step = [Counter(outcomes[at : at + 3])["accepted"] for at in (0, 3, 6)]
        assert by_step[0] == 1
        assert set(by_step) <= {0, 1}
        assert set(outcomes) <= {"accepted", "step_used"}
        assert last_step(dba) == steps.now + 1


def test_one_of_8_first_codes_confirms(
    store: Store, dba: Dba, logins: Logins, user: User, steps: Steps
) -> None:
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        runs = [confirm(user, enroll(store, user).code(steps.now))] * 8
        outcomes += Counter(race(logins, user.tenant_id, runs))
    assert outcomes == {"confirmed": ROUNDS, "invalid": 7 * ROUNDS}


def test_8_enrollments_leave_one_pending_secret(
    store: Store, dba: Dba, logins: Logins, user: User, steps: Steps
) -> None:
    secrets = race(logins, user.tenant_id, [lambda store: enroll(store, user)] * 8)
    codes = [secret.code(steps.now) for secret in secrets]
    outcomes = [confirm(user, code)(store) for code in codes]
    assert Counter(outcomes) == {"confirmed": 1, "invalid": 7}
    [(rows,)] = dba.execute("select count(*) from authority.totp_credentials")
    assert rows == 1


def test_40_guessers_check_5_codes(
    store: Store, logins: Logins, user: User, steps: Steps
) -> None:
    secret = confirmed(store, user, steps)
    right = {secret.code(steps.now + offset) for offset in (-1, 0, 1)}
    wrong = [code for n in range(50) if (code := f"{n:06}") not in right][:40]

    def guess(code: str) -> Callable[[Store], str]:
        def run(store: Store) -> str:
            allowed = store.login_attempts.reserve(
                tenant_id=user.tenant_id,
                username=user.username,
                address=IPv4Address("192.0.2.1"),
                factor="totp",
            ).allowed
            return check(user, code)(store) if allowed else "not allowed"

        return run

    outcomes = race(logins, user.tenant_id, [guess(code) for code in wrong])
    assert Counter(outcomes) == {"invalid": 5, "not allowed": 35}
    # The right code gets no guess either, and uses up no step.
    assert guess(secret.code(steps.now))(store) == "not allowed"
    assert check(user, secret.code(steps.now))(store) == "accepted"


def test_one_of_8_uses_of_a_recovery_code_is_accepted(
    store: Store, logins: Logins, user: User
) -> None:
    codes = mint_recovery_codes(ROUNDS)
    store.recovery_codes.replace(tenant_id=user.tenant_id, user_id=user.id, codes=codes)
    outcomes: Counter[tuple[str, int | None]] = Counter()
    for code in codes:
        outcomes += Counter(race(logins, user.tenant_id, [recover(user, code)] * 8))
    accepted: dict[tuple[str, int | None], int] = {
        ("accepted", left): 1 for left in range(ROUNDS)
    }
    assert outcomes == {**accepted, ("invalid", None): 7 * ROUNDS}


def test_8_codes_at_once_leave_the_others(
    store: Store, logins: Logins, user: User
) -> None:
    for _ in range(ROUNDS):
        codes = mint_recovery_codes(10)
        store.recovery_codes.replace(
            tenant_id=user.tenant_id, user_id=user.id, codes=codes
        )
        runs = [recover(user, code) for code in codes[:8]]
        left = sorted(race(logins, user.tenant_id, runs))
        assert left == [("accepted", number) for number in range(2, 10)]
        assert recover(user, codes[8])(store) == ("accepted", 1)


def test_of_8_new_sets_one_remains(store: Store, logins: Logins, user: User) -> None:
    def replace(store: Store) -> list[str]:
        codes = mint_recovery_codes(2)
        store.recovery_codes.replace(
            tenant_id=user.tenant_id, user_id=user.id, codes=codes
        )
        return codes

    for _ in range(ROUNDS):
        sets = race(logins, user.tenant_id, [replace] * 8)
        used = [[recover(user, code)(store)[0] for code in codes] for codes in sets]
        assert sorted(used) == [["accepted"] * 2, *[["invalid"] * 2] * 7]
