"""A service and an operator with a tenant, and a superuser who looks on."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from authority_queries import Authority, Maintenance, Settings
from authority_queries.service.migrations import yoyo_url
from tests.factories import make_tenant
from tests.stores import Logins


@pytest.fixture
def maintenance(logins: Logins) -> Iterator[Maintenance]:
    settings = Settings(database_url=yoyo_url(logins.maintenance), pool_max_size=2)
    with Maintenance.open(settings) as maintenance:
        yield maintenance


@pytest.fixture
def authority(logins: Logins) -> Iterator[Authority]:
    settings = Settings(database_url=yoyo_url(logins.app), pool_max_size=2)
    with Authority.open(settings) as authority:
        yield authority


@pytest.fixture
def tenant_id(maintenance: Maintenance, dba: "psycopg.Connection[Any]") -> UUID:
    """A tenant without events."""
    with maintenance.store() as store:
        tenant = make_tenant(store)
    dba.execute("delete from authority.audit_events")
    return tenant.id
