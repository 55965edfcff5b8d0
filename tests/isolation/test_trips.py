"""The round trips of a call, counted between client and server."""

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import psycopg
import pytest

from authority_queries import Actor, mint_token, parse_foreign_token
from authority_queries.credentials import verify_password
from authority_queries.errors import InvalidArgumentError
from authority_queries.secrets import TokenString
from tests.factories import make_client, make_tenant, make_token, make_user
from tests.isolation.services import SyncService, running, settings_for
from tests.isolation.trips import Trips, counted_trips
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

# psycopg prepares a statement when it is executed for the sixth time, once for a
# connection. Outside a pipeline it waits for that.
SIXTH = 5
ROUNDS = 8


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


@pytest.fixture
def trips(logins: Logins) -> Iterator[Trips]:
    with counted_trips(logins.app) as trips:
        yield trips


@pytest.fixture(params=[True, False], ids=["prepared", "unprepared"])
def authority(
    request: pytest.FixtureRequest, service: SyncService, trips: Trips
) -> Iterator[Any]:
    settings = settings_for(trips.conninfo, prepared_statements=request.param)
    with service.open(settings) as authority:
        yield authority


@pytest.fixture
def acme(logins: Logins) -> tuple[UUID, TokenString]:
    """A tenant with a user, and an access token of it."""
    with routed_store(logins) as store:
        tenant = make_tenant(store, code="acme")
        make_user(store, tenant.id, username="ann")
        return tenant.id, make_token(store, make_client(store, tenant.id))[0]


class Spent:
    """The trips since the last question."""

    def __init__(self, trips: Trips) -> None:
        self._trips = trips
        trips.forget()

    def __call__(self) -> int:
        count = self._trips.count
        self._trips.forget()
        return count


def test_the_proxy_counts_the_waits_of_a_bare_driver(
    trips: Trips, service: SyncService
) -> None:
    with service.connect(trips.conninfo) as connection:
        spent = Spent(trips)
        connection.execute("select 1")
        assert spent() == 1
        connection.execute("select 2")
        connection.execute("select 3")
        assert spent() == 2
        with connection.transaction():
            connection.execute("select 4")
        assert spent() == 3
        with connection.pipeline():
            for _ in range(5):
                connection.execute("select 5")
        assert spent() == 1
        connection.execute("select repeat('long', 1000000)").fetchall()
        assert spent() == 1
        connection.execute("select 6", prepare=True)
        assert spent() == 2


def test_a_unit_is_a_trip_for_each_call_and_one_for_the_commit(
    authority: Any, trips: Trips, acme: tuple[UUID, TokenString]
) -> None:
    tenant_id, _ = acme
    spent = Spent(trips)
    seen = []
    for _ in range(ROUNDS):
        with authority.tenant(tenant_id, actor=Actor(client_id="console")) as store:
            assert spent() == 0
            assert store.users.get_by_username(tenant_id=tenant_id, username="ann")
            first = spent()
            assert store.users.get_by_username(tenant_id=tenant_id, username="ann")
            next_one = spent()
        seen.append((first, next_one, spent()))
    expected = [(1, 1, 1)] * ROUNDS
    if authority.settings.prepared_statements:
        expected[SIXTH // 2] = (1, 2, 1)
    assert seen == expected


def test_a_call_in_autocommit_is_a_trip(
    authority: Any, trips: Trips, acme: tuple[UUID, TokenString]
) -> None:
    tenant_id, _ = acme
    spent = Spent(trips)
    seen = []
    with authority.tenant(tenant_id, autocommit=True) as store:
        for _ in range(ROUNDS):
            assert store.users.get_by_username(tenant_id=tenant_id, username="ann")
            seen.append(spent())
    assert seen == [1] * ROUNDS
    assert spent() == 0


def test_a_verification_and_a_look_up_are_a_trip(
    authority: Any, trips: Trips, acme: tuple[UUID, TokenString]
) -> None:
    tenant_id, token = acme
    spent = Spent(trips)
    seen = []
    for _ in range(ROUNDS):
        assert authority.verify_token(token.token) is not None
        verified = spent()
        assert authority.find_tenant("acme") == tenant_id
        seen.append((verified, spent()))
    assert authority.verify_token("aq_at_nonsense") is None
    assert spent() == 0
    expected = [(1, 1)] * ROUNDS
    if authority.settings.prepared_statements:
        expected[SIXTH] = (2, 2)
    assert seen == expected


def test_many_tokens_of_two_tenants_are_verified_in_one_trip(
    authority: Any, trips: Trips, acme: tuple[UUID, TokenString], logins: Logins
) -> None:
    tenant_id, token = acme
    with routed_store(logins) as store:
        client = make_client(store, make_tenant(store).id)
        other, _ = make_token(store, client, resources=["https://a.b"])
    # Of a tenant that does not have it, no token at all, and one with another kind.
    stray = mint_token("access", client.tenant_id).token
    refresh = mint_token("refresh", tenant_id).token
    asked = [other.token, "aq_at_nonsense", token.token, stray, refresh, other.token]
    one = {each: authority.verify_token(each) for each in asked}
    named = {each: authority.verify_token(each, tenant_id=tenant_id) for each in asked}
    of_a_b = {
        each: authority.verify_token(each, resource="https://a.b") for each in asked
    }
    spent = Spent(trips)
    seen = []
    for _ in range(ROUNDS):
        found = authority.verify_tokens(asked)
        assert found == [one[each] for each in asked]
        seen.append(spent())
    assert [each is not None for each in found] == [
        True,
        False,
        True,
        False,
        False,
        True,
    ]
    expected = [1] * ROUNDS
    if authority.settings.prepared_statements:
        expected[SIXTH] = 2
    assert seen == expected
    found = authority.verify_tokens(asked, tenant_id=tenant_id)
    assert found == [named[each] for each in asked]
    found = authority.verify_tokens(asked, resource="https://a.b")
    assert found == [of_a_b[each] for each in asked]
    spent()
    assert authority.verify_tokens([]) == []
    assert authority.verify_tokens(["aq_at_nonsense"]) == [None]
    assert spent() == 0
    with pytest.raises(InvalidArgumentError, match="tokens must have at most 1000"):
        authority.verify_tokens([token.token] * 1001)
    with pytest.raises(InvalidArgumentError, match="tokens must be a sequence"):
        authority.verify_tokens(token.token)
    with pytest.raises(InvalidArgumentError, match=r"^tokens\[1\] must be a str"):
        authority.verify_tokens([token.token, None])
    assert spent() == 0


def test_a_string_of_another_store_is_verified_in_one_trip(
    authority: Any, trips: Trips, acme: tuple[UUID, TokenString], logins: Logins
) -> None:
    tenant_id, _ = acme
    asked: Any = {"tenant_id": tenant_id, "foreign": True}
    foreign = parse_foreign_token("x" * 43, kind="access", tenant_id=tenant_id)
    with routed_store(logins) as store:
        store.tenants.accept_foreign_tokens(
            tenant_id=tenant_id, lifetime=timedelta(hours=1)
        )
        make_token(store, make_client(store, tenant_id), token_hash=foreign.hash)
    spent = Spent(trips)
    seen = []
    for _ in range(ROUNDS):
        assert authority.verify_token(foreign.token, **asked) is not None
        verified = spent()
        assert authority.verify_tokens([foreign.token], **asked) != [None]
        seen.append((verified, spent()))
    for string in ("x" * 21, "aq_at_nonsense" * 3, "x" * 43 + " "):
        assert authority.verify_token(string, **asked) is None
    assert spent() == 0
    expected = [(1, 1)] * ROUNDS
    if authority.settings.prepared_statements:
        expected[SIXTH] = (2, 2)
    assert seen == expected


def try_password(store: Any, tenant_id: UUID, username: str) -> str:
    """Sign in with a wrong password, as every server should."""
    key: dict[str, Any] = {
        "tenant_id": tenant_id,
        "username": username,
        "address": IPv4Address("192.0.2.1"),
    }
    assert store.login_attempts.reserve(**key, factor="password").allowed
    user = store.users.get_by_username(tenant_id=tenant_id, username=username)
    # None is verified against a hash too: an unknown user costs Argon2id's time as
    # well.
    assert not verify_password(user and user.password_hash, "wrong")
    store.login_attempts.record(**key, outcome="failed", reason="wrong_password")
    return "known" if user else "unknown"


# Rows written, and scans, of the log with its partitions, the throttles and the users.
WORK = """
    select
        sum(n_tup_ins)::int, sum(n_tup_upd)::int, sum(n_tup_del)::int,
        sum(seq_scan + coalesce(idx_scan, 0))::int
    from pg_stat_user_tables
    where relname like any('{login_attempts%,login_throttles,users}')
    group by left(relname, 14)
    order by left(relname, 14)
"""


def test_an_unknown_user_costs_the_trips_and_the_work_of_a_known_one(
    authority: Any,
    trips: Trips,
    acme: tuple[UUID, TokenString],
    dba: "psycopg.Connection[Any]",
) -> None:
    tenant_id, _ = acme
    spent = Spent(trips)
    seen: dict[str, tuple[int, list[list[int]]]] = {}
    with authority.tenant(tenant_id, autocommit=True) as store:

        def work() -> list[tuple[int, ...]]:
            store.connection.execute("select pg_stat_force_next_flush()")
            store.connection.execute("select")
            return dba.execute(WORK).fetchall()

        for name in ("first", "ann", "nobody"):
            before = work()
            spent()
            kind = try_password(store, tenant_id, name)
            count = spent()
            done = [
                [new - old for new, old in zip(*rows, strict=True)]
                for rows in zip(work(), before, strict=True)
            ]
            seen[kind] = count, done
    assert seen["known"] == seen["unknown"]
    count, (attempts, throttles, users) = seen["known"]
    assert count == 3
    assert attempts[:3] == [1, 0, 0]
    assert throttles[:3] == [2, 3, 0]  # the network has a row already
    assert users == [0, 0, 0, 1]


def test_a_unit_without_a_call_is_two_trips(
    authority: Any, trips: Trips, acme: tuple[UUID, TokenString]
) -> None:
    tenant_id, _ = acme
    spent = Spent(trips)
    with authority.tenant(tenant_id):
        pass
    assert spent() == 2
    with authority.tenant(tenant_id, autocommit=True):
        pass
    assert spent() == 0
