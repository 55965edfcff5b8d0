"""Two filled tenants, and an operator."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from authority_queries import Maintenance, Settings
from authority_queries.service.migrations import yoyo_url
from tests.erasure.world import World
from tests.stores import Logins


@pytest.fixture
def world(dba: "psycopg.Connection[Any]") -> World:
    return World.make(dba)


@pytest.fixture
def maintenance(logins: Logins) -> Iterator[Maintenance]:
    settings = Settings(database_url=yoyo_url(logins.maintenance), pool_max_size=2)
    with Maintenance.open(settings) as maintenance:
        yield maintenance
