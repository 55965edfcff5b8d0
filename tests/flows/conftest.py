"""Fixtures that the tests of flows share."""

from collections.abc import Callable

import pytest

from authority_queries import Settings, Store
from tests.factories import make_tenant
from tests.flows.followers import FORMS, Dba, Feed, Follow
from tests.isolation.services import settings_for
from tests.stores import Logins, routed_store

_CONNECTIONS = """
select count(*) from pg_stat_activity
where datname = current_database() and usename = %s
"""


@pytest.fixture
def store(sync_store: Store) -> Store:
    """A store that arranges a race and reads its end, on connections of its own."""
    return sync_store


@pytest.fixture(params=FORMS)
def follow(request: pytest.FixtureRequest) -> Follow:
    return FORMS[request.param]


@pytest.fixture
def settings(logins: Logins) -> Settings:
    return settings_for(logins.app)


@pytest.fixture
def feed(logins: Logins) -> Feed:
    """The feed of a tenant of the test's own."""
    with routed_store(logins) as store:
        return Feed(logins, make_tenant(store).id)


@pytest.fixture
def connections(dba: Dba, settings: Settings) -> Callable[[], int]:
    """A connection that counts the services' connections."""
    login = settings.connection_parameters["user"]

    def connections() -> int:
        row = dba.execute(_CONNECTIONS, (login,)).fetchone()
        assert row is not None
        return int(row[0])

    return connections
