"""Concurrent devices, users and guessers of the device flow (RFC 8628), counted."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from authority_queries import NewToken, Store, mint_token
from authority_queries.errors import MissingReferenceError
from authority_queries.records import Client, User
from authority_queries.secrets import TokenString
from authority_queries.testing import Clock
from tests.factories import HOUR, make_client, make_device, make_tenant, make_user
from tests.flows.races import race
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(store: Store) -> Client:
    tenant_id = make_tenant(store).id
    return make_client(store, tenant_id, consent_type="implicit")


@pytest.fixture
def user(store: Store, client: Client) -> User:
    return make_user(store, client.tenant_id)


def approve(client: Client, user_code: bytes, user: User) -> Callable[[Store], str]:
    return lambda store: (
        store.device_authorizations.approve(
            tenant_id=client.tenant_id,
            user_code_hash=user_code,
            user_id=user.id,
            authenticated_at=None,
        ).outcome
    )


def deny(client: Client, user_code: bytes, user: User) -> Callable[[Store], str]:
    def run(store: Store) -> str:
        denied = store.device_authorizations.deny(
            tenant_id=client.tenant_id, user_code_hash=user_code, user_id=user.id
        )
        return "denied" if denied else "too late"

    return run


def poll(client: Client, device_code: TokenString) -> Callable[[Store], str]:
    return lambda store: (
        store.device_authorizations.poll(
            tenant_id=client.tenant_id,
            device_code_hash=device_code.hash,
            client_id=client.client_id,
        ).outcome
    )


def fetch(client: Client, device_code: TokenString) -> Callable[[Store], str]:
    """Poll, and redeem an approved code, as a token endpoint does."""

    def run(store: Store) -> str:
        answer = poll(client, device_code)(store)
        if answer != "approved":
            return answer
        return store.redemptions.redeem_device_code(
            tenant_id=client.tenant_id,
            token_hash=device_code.hash,
            client_id=client.client_id,
            redemption_id=uuid4(),
            access_token=new_token("access", client.tenant_id),
            refresh_token=new_token("refresh", client.tenant_id),
        ).outcome

    return run


def new_token(kind: Any, tenant_id: UUID) -> NewToken:
    return NewToken(hash=mint_token(kind, tenant_id).hash, lifetime=HOUR)


def live_tokens(store: Store, client: Client) -> int:
    tokens = store.tokens.list_active_by_client(
        tenant_id=client.tenant_id, client_uuid=client.id
    ).items
    return len(tokens)


def test_one_of_8_pollers_after_an_approval_redeems(
    store: Store, logins: Logins, client: Client, user: User
) -> None:
    outcomes: Counter[str] = Counter()
    for _ in range(25):
        code, user_code = make_device(store, client)
        assert approve(client, user_code, user)(store) == "approved"
        outcomes += Counter(race(logins, client.tenant_id, [fetch(client, code)] * 8))
    assert outcomes == {"redeemed": 25, "reused": 175}
    # The others presented a used-up code, so no token of the family lives.
    assert live_tokens(store, client) == 0


def test_one_poller_beside_an_approval_redeems(
    store: Store, logins: Logins, client: Client, user: User
) -> None:
    for _ in range(10):
        code, user_code = make_device(store, client)
        runs = [approve(client, user_code, user), *[fetch(client, code)] * 7]
        outcomes = Counter(race(logins, client.tenant_id, runs))
        late = Counter(race(logins, client.tenant_id, [fetch(client, code)]))
        assert outcomes.pop("approved") == 1
        assert outcomes["redeemed"] + late["redeemed"] == 1
        assert outcomes["authorization_pending"] <= 1
        assert not outcomes["invalid"]


def test_one_of_8_decisions_wins(
    store: Store, dba: Dba, logins: Logins, client: Client
) -> None:
    users = [make_user(store, client.tenant_id) for _ in range(8)]
    verdicts: Counter[str] = Counter()
    for _ in range(20):
        code, user_code = make_device(store, client)
        runs = [
            decide(client, user_code, user)
            for decide, user in zip([approve, deny] * 4, users, strict=True)
        ]
        outcomes = race(logins, client.tenant_id, runs)
        [verdict] = [each for each in outcomes if each in ("approved", "denied")]
        verdicts[verdict] += 1
        last = "redeemed" if verdict == "approved" else "access_denied"
        assert fetch(client, code)(store) == last
        decided = dba.execute(
            "select status, user_id from authority.device_authorizations "
            "where device_code_hash = %s",
            [code.hash],
        ).fetchone()
        assert decided == (verdict, users[outcomes.index(verdict)].id)
    families = dba.execute("select count(*) from authority.authorizations").fetchone()
    assert families == (verdicts["approved"],)
    assert verdicts.total() == 20


def test_one_of_8_polls_within_an_interval_is_in_time(
    store: Store, dba: Dba, logins: Logins, client: Client
) -> None:
    for _ in range(10):
        code, _ = make_device(store, client)
        outcomes = race(logins, client.tenant_id, [poll(client, code)] * 8)
        assert Counter(outcomes) == {"authorization_pending": 1, "slow_down": 7}
        paced = dba.execute(
            "select poll_interval, next_poll_at > authority.clock() + "
            "interval '30 seconds' from authority.device_authorizations "
            "where device_code_hash = %s",
            [code.hash],
        ).fetchone()
        assert paced == (timedelta(seconds=5 + 7 * 5), True)


def test_an_expired_request_is_neither_decided_nor_redeemed(
    store: Store, logins: Logins, client: Client, user: User, clock: Clock
) -> None:
    approved, user_code = make_device(store, client, lifetime=MINUTE)
    assert approve(client, user_code, user)(store) == "approved"
    pending, user_code = make_device(store, client, lifetime=MINUTE)
    clock.advance(MINUTE)
    decisions = [approve(client, user_code, user), deny(client, user_code, user)]
    outcomes = race(logins, client.tenant_id, decisions * 4)
    assert Counter(outcomes) == {"invalid": 4, "too late": 4}
    for code in (approved, pending):
        answers = race(logins, client.tenant_id, [fetch(client, code)] * 4)
        assert Counter(answers) == {"expired_token": 4}
    assert live_tokens(store, client) == 0


def test_an_approval_that_waits_beyond_the_end_is_redeemed_by_nobody(
    store: Store, logins: Logins, client: Client, user: User, clock: Clock
) -> None:
    code, user_code = make_device(store, client, lifetime=MINUTE)
    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(logins.app_for(client.tenant_id)) as holder,
    ):
        holder.execute("select from authority.device_authorizations for update")
        decision = threads.submit(
            race, logins, client.tenant_id, [approve(client, user_code, user)]
        )
        while not holder.execute("select from pg_locks where not granted").fetchall():
            pass
        clock.advance(MINUTE)
        holder.rollback()
        # The statement's time is that of its beginning.
        assert decision.result(timeout=60) == ["approved"]
    assert fetch(client, code)(store) == "expired_token"
    assert live_tokens(store, client) == 0


def test_40_guessers_look_10_times(
    store: Store, logins: Logins, client: Client, user: User
) -> None:
    _, right = make_device(store, client)

    def guess(user_code: bytes) -> Callable[[Store], str]:
        def run(store: Store) -> str:
            allowed = store.login_attempts.reserve(
                tenant_id=user.tenant_id,
                username=user.username,
                address=IPv4Address("192.0.2.1"),
                factor="user_code",
            ).allowed
            if not allowed:
                return "not allowed"
            found = store.device_authorizations.get_by_user_code(
                tenant_id=user.tenant_id, user_code_hash=user_code
            )
            return "found" if found else "not found"

        return run

    # A user with a code, for instance of a device of his own, gets no more guesses.
    assert guess(right)(store) == "found"
    guesses = [guess(bytes([n]) * 32) for n in range(40)]
    outcomes = race(logins, client.tenant_id, guesses)
    assert Counter(outcomes) == {"not found": 9, "not allowed": 31}


@pytest.mark.parametrize("kind", ["user", "client"])
def test_an_approval_beside_a_deletion_leaves_nothing(
    store: Store, dba: Dba, logins: Logins, kind: str
) -> None:
    # PostgreSQL would look for a deadlock after a second.
    name = Identifier(dba.info.dbname)
    dba.execute(SQL("alter database {} set deadlock_timeout = '20ms'").format(name))
    tenant_id = make_tenant(store).id
    outcomes: Counter[str] = Counter()
    for _ in range(40):
        client, user = make_client(store, tenant_id), make_user(store, tenant_id)
        store.consents.grant(
            tenant_id=tenant_id, user_id=user.id, client_id=client.client_id, scopes=[]
        )
        codes = [make_device(store, client)[1] for _ in range(8)]
        runs = [approve_or_miss(client, code, user) for code in codes]
        runs.insert(4, deletion(client, user, kind))
        outcomes += Counter(race(logins, tenant_id, runs))
    gone = "missing" if kind == "user" else "invalid"
    assert outcomes.keys() <= {"approved", "deleted", gone, f"{kind}_inactive"}
    assert outcomes["deleted"] == 40
    assert outcomes["approved"] > 0
    for table in ("authorizations", "tokens"):
        left = dba.execute(SQL("select from authority.{}").format(Identifier(table)))
        assert left.rowcount == 0
    decided = dba.execute(
        "select from authority.device_authorizations where status <> 'pending'"
    )
    assert decided.rowcount == 0


def approve_or_miss(
    client: Client, user_code: bytes, user: User
) -> Callable[[Store], str]:
    def run(store: Store) -> str:
        try:
            return approve(client, user_code, user)(store)
        except MissingReferenceError:
            return "missing"
        except psycopg.errors.DeadlockDetected:
            return "deadlock"

    return run


def deletion(client: Client, user: User, kind: str) -> Callable[[Store], str]:
    def run(store: Store) -> str:
        ids = {"tenant_id": client.tenant_id}
        try:
            if kind == "user":
                store.users.delete(**ids, user_id=user.id)
            else:
                store.clients.delete(**ids, client_uuid=client.id)
        except psycopg.errors.DeadlockDetected:
            return "deadlock of the deletion"
        return "deleted"

    return run
