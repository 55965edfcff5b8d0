"""What a call costs in round trips, counted between client and server."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from authority_queries.secrets import TokenString
from tests.factories import make_client, make_tenant, make_token, make_user
from tests.isolation.services import SyncService, running, settings_for
from tests.isolation.trips import Trips, counted_trips
from tests.stores import Logins, routed_store

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
    """The trips since the last time that one asked."""

    def __init__(self, trips: Trips) -> None:
        self._trips = trips
        trips.forget()

    def __call__(self) -> int:
        count = self._trips.count
        self._trips.forget()
        return count


def test_the_proxy_counts_what_a_bare_driver_waits_for(
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
        with authority.tenant(tenant_id) as store:
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
