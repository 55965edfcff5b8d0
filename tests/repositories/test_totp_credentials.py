import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Keyring, Store, TotpSecret, mint_totp_secret
from authority_queries.errors import DecryptionError, OpenTransactionError
from authority_queries.queries import totp_credentials as queries
from authority_queries.records import User
from authority_queries.testing import Clock
from tests.factories import make_tenant, make_user
from tests.refusals import refusal_of
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=30)
KEYS = {"2026": secrets.token_bytes(32), "2027": secrets.token_bytes(32)}
KEYRING = Keyring(current="2026", keys={"2026": KEYS["2026"]})


@pytest.fixture
def user(store: Store) -> User:
    return make_user(store, make_tenant(store).id)


@pytest.fixture
def at_a_step(clock: Clock) -> Clock:
    """A clock that stands still, one second after a time step began."""
    now = int(datetime.now(UTC).timestamp())
    clock.freeze(datetime.fromtimestamp(now - now % 60 + 1, UTC))
    return clock


def step_now(dba: Dba) -> int:
    row = dba.execute("select authority.totp_step('30 s')").fetchone()
    assert row is not None
    return int(row[0])


def enroll(
    store: Store, user: User, secret: TotpSecret | None = None, **fields: Any
) -> TotpSecret:
    secret = secret or mint_totp_secret()
    enrollment = store.totp_credentials.enroll(
        tenant_id=user.tenant_id,
        user_id=user.id,
        secret=secret,
        **{"keyring": KEYRING, **fields},
    )
    assert enrollment.outcome == "enrolled"
    return secret


def confirm(store: Store, user: User, code: str, **fields: Any) -> str:
    return store.totp_credentials.confirm(
        tenant_id=user.tenant_id,
        user_id=user.id,
        code=code,
        **{"keyring": KEYRING, **fields},
    ).outcome


def check(store: Store, user: User, code: str, **fields: Any) -> str:
    return store.totp_credentials.check(
        tenant_id=user.tenant_id,
        user_id=user.id,
        code=code,
        **{"keyring": KEYRING, **fields},
    ).outcome


def confirmed(store: Store, user: User, dba: Dba, **fields: Any) -> TotpSecret:
    """Enroll a secret, and confirm it with the code of the step before."""
    secret = enroll(store, user, **fields)
    assert confirm(store, user, secret.code(step_now(dba) - 1)) == "confirmed"
    return secret


def test_a_secret_is_pending_until_a_first_code(
    store: Store, user: User, dba: Dba, at_a_step: Clock
) -> None:
    secret = enroll(store, user, name="Phone")
    now = step_now(dba)
    assert check(store, user, secret.code(now)) == "invalid"
    assert confirm(store, user, secret.code(now + 2)) == "invalid"
    assert confirm(store, user, secret.code(now)) == "confirmed"
    assert confirm(store, user, secret.code(now + 1)) == "invalid"
    # The first code has used up its step.
    assert check(store, user, secret.code(now)) == "step_used"
    assert check(store, user, secret.code(now + 1)) == "accepted"


def test_each_step_is_accepted_once_and_in_order(
    store: Store, user: User, dba: Dba, at_a_step: Clock
) -> None:
    secret = confirmed(store, user, dba)
    now = step_now(dba)
    assert check(store, user, secret.code(now)) == "accepted"
    assert check(store, user, secret.code(now)) == "step_used"
    assert check(store, user, secret.code(now + 1)) == "accepted"
    assert check(store, user, secret.code(now)) == "step_used"
    at_a_step.advance(STEP)
    assert check(store, user, secret.code(now + 1)) == "step_used"
    at_a_step.advance(STEP)
    assert check(store, user, secret.code(now + 2)) == "accepted"


def test_the_window_is_that_of_the_databases_clock(
    store: Store, user: User, dba: Dba, at_a_step: Clock
) -> None:
    secret = confirmed(store, user, dba)
    now = step_now(dba)
    at_a_step.advance(20 * MINUTE)
    assert check(store, user, secret.code(now)) == "invalid"
    now = step_now(dba)
    for offset, drift, outcome in [
        (-2, 1, "invalid"),
        (2, 1, "invalid"),
        (1, 0, "invalid"),
        (-1, 0, "invalid"),
        (-2, 2, "accepted"),
        (-1, 1, "accepted"),
        (0, 0, "accepted"),
        (1, 1, "accepted"),
        (10, 10, "accepted"),
    ]:
        assert check(store, user, secret.code(now + offset), drift=drift) == outcome


def test_the_statement_judges_the_step_itself(
    store: Store, user: User, dba: Dba, logins: Logins, at_a_step: Clock
) -> None:
    confirmed(store, user, dba)
    [(totp_id,)] = dba.execute("select id from authority.totp_credentials").fetchall()
    key = {
        "tenant_id": user.tenant_id,
        "user_id": user.id,
        "totp_credential_id": totp_id,
        "drift": 1,
    }
    now = step_now(dba)
    conninfo = logins.app_for(user.tenant_id)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for step, outcome in [
            (now - 2, "invalid"),
            (now + 2, "invalid"),
            (now - 1, "step_used"),
            (now + 1, "accepted"),
            (now, "step_used"),
        ]:
            assert queries.use(connection, **key, step=step).outcome == outcome
        strange = {**key, "user_id": uuid4()}
        assert queries.use(connection, **strange, step=now + 1).outcome == "invalid"
        pending = {**key, "step": now + 1}
        assert queries.confirm(connection, **pending).outcome == "invalid"


def test_a_pending_secret_is_replaced_and_expires(
    store: Store, user: User, dba: Dba, at_a_step: Clock
) -> None:
    old = enroll(store, user)
    new = enroll(store, user, lifetime=MINUTE)
    now = step_now(dba)
    assert confirm(store, user, old.code(now)) == "invalid"
    at_a_step.advance(MINUTE)
    assert confirm(store, user, new.code(step_now(dba))) == "invalid"
    last = confirmed(store, user, dba)
    assert check(store, user, last.code(step_now(dba))) == "accepted"


def test_a_user_can_have_several_secrets(
    store: Store, user: User, dba: Dba, at_a_step: Clock
) -> None:
    long = mint_totp_secret(algorithm="SHA512", digits=8, period=MINUTE)
    short = confirmed(store, user, dba)
    enroll(store, user, long)
    [(step,)] = dba.execute("select authority.totp_step('60 s')").fetchall()
    assert confirm(store, user, long.code(step)) == "confirmed"
    assert check(store, user, long.code(step + 1)) == "accepted"
    assert check(store, user, short.code(step_now(dba))) == "accepted"


@pytest.mark.parametrize("status", ["pending", "suspended"])
def test_only_active_users_sign_in(
    store: Store, user: User, dba: Dba, status: str
) -> None:
    secret = confirmed(store, user, dba)
    dba.execute("update authority.users set status = %s", (status,))
    assert check(store, user, secret.code(step_now(dba))) == "invalid"
    again = store.totp_credentials.enroll(
        tenant_id=user.tenant_id,
        user_id=user.id,
        secret=secret,
        keyring=KEYRING,
    )
    assert again.outcome == ("enrolled" if status == "pending" else "user_inactive")


def test_a_code_of_another_user_is_of_no_use(
    store: Store, user: User, dba: Dba, at_a_step: Clock
) -> None:
    secret = confirmed(store, user, dba)
    other = make_user(store, user.tenant_id)
    confirmed(store, other, dba)
    assert check(store, other, secret.code(step_now(dba))) == "invalid"


def test_the_database_holds_no_secret(store: Store, user: User, dba: Dba) -> None:
    secret = confirmed(store, user, dba)
    [row] = dba.execute("select * from authority.totp_credentials").fetchall()
    assert not any(secret.secret in bytes(str(value), "utf-8") for value in row)
    [(ciphertext,)] = dba.execute(
        "select secret_ciphertext from authority.totp_credentials"
    ).fetchall()
    assert secret.secret not in ciphertext
    # A secret that is not encrypted is refused.
    with pytest.raises(psycopg.errors.CheckViolation, match="secret_ciphertext_check"):
        dba.execute(
            "update authority.totp_credentials set secret_ciphertext = %s",
            [b"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"],
        )


def test_a_ciphertext_of_another_user_is_refused(
    store: Store, user: User, dba: Dba
) -> None:
    secret = confirmed(store, user, dba)
    other = make_user(store, user.tenant_id)
    confirmed(store, other, dba)
    # Someone with write access copies their own secret over that of the user.
    dba.execute(
        "update authority.totp_credentials as victims "
        "set secret_ciphertext = own.secret_ciphertext "
        "from authority.totp_credentials as own "
        "where victims.user_id = %s and own.user_id = %s",
        [user.id, other.id],
    )
    with pytest.raises(DecryptionError):
        check(store, user, secret.code(step_now(dba)))


def test_secrets_move_to_a_new_key(store: Store, user: User, dba: Dba) -> None:
    secret = confirmed(store, user, dba)
    others = [make_user(store, user.tenant_id) for _ in range(4)]
    for other in others:
        enroll(store, other)
    both = Keyring(current="2027", keys=KEYS)
    after: UUID | None = None
    pages = 0
    while (
        after := store.totp_credentials.reencrypt(
            tenant_id=user.tenant_id, keyring=both, after=after, page_size=2
        )
    ) is not None:
        pages += 1
    assert pages == 3
    keys = dba.execute(
        "select distinct encryption_key_id from authority.totp_credentials"
    ).fetchall()
    assert keys == [("2027",)]
    new = Keyring(current="2027", keys={"2027": KEYS["2027"]})
    code = secret.code(step_now(dba) + 1)
    assert check(store, user, code, keyring=new) == "accepted"
    with pytest.raises(DecryptionError):
        check(store, user, code)


def test_a_user_renames_and_deletes_only_own_secrets(
    store: Store, user: User, dba: Dba
) -> None:
    secret = confirmed(store, user, dba)
    other = make_user(store, user.tenant_id)
    [(totp_id,)] = dba.execute("select id from authority.totp_credentials").fetchall()
    totps = store.totp_credentials
    key: dict[str, UUID] = {"tenant_id": user.tenant_id, "totp_credential_id": totp_id}
    assert not totps.rename(**key, user_id=other.id, name="Mine")
    assert not totps.delete(**key, user_id=other.id)
    assert totps.rename(**key, user_id=user.id, name="Phone")
    assert totps.delete(**key, user_id=user.id)
    assert not totps.delete(**key, user_id=user.id)
    assert check(store, user, secret.code(step_now(dba) + 1)) == "invalid"


def test_a_rollback_cannot_free_a_step(
    store: Store, user: User, dba: Dba, logins: Logins
) -> None:
    secret = confirmed(store, user, dba)
    with psycopg.connect(logins.app_for(user.tenant_id)) as connection:
        inside = Store(connection)
        with pytest.raises(OpenTransactionError):
            check(inside, user, secret.code(step_now(dba)))


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"keyring": None}, "keyring"),
        ({"secret": b"x" * 20}, "secret"),
        ({"lifetime": timedelta(0)}, "lifetime"),
        ({"name": "x" * 257}, "name"),
    ],
)
def test_values_are_bounded(
    store: Store, user: User, fields: dict[str, Any], argument: str
) -> None:
    with refusal_of(argument):
        enroll(store, user, **{"secret": mint_totp_secret(), **fields})


def test_a_drift_is_bounded(store: Store, user: User) -> None:
    for drift in (-1, 11):
        with refusal_of("drift"):
            check(store, user, "123456", drift=drift)
        with refusal_of("drift"):
            confirm(store, user, "123456", drift=drift)
