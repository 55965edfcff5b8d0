"""Fixtures of pytest. They import the package when a test first uses them."""

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import psycopg

    from authority_queries import Authority, Maintenance, Settings
    from authority_queries.testing import Clock, SampleTenant

_numbers = count(1)


@pytest.fixture(scope="session")
def _authority_database() -> "Iterator[tuple[str, Settings]]":
    from authority_queries.testing.server import (  # noqa: PLC0415 -- see above
        running_database,
    )

    with running_database() as running:
        yield running


@pytest.fixture(scope="session")
def authority_settings(_authority_database: "tuple[str, Settings]") -> "Settings":
    """Return the settings of a migrated database, which lives as long as the run.

    Open an `AsyncAuthority` of your own with them.
    """
    return _authority_database[1]


@pytest.fixture(scope="session")
def authority_dba(
    _authority_database: "tuple[str, Settings]",
) -> "Iterator[psycopg.Connection[object]]":
    """Yield a superuser's connection in autocommit, to look at rows of all tenants."""
    import psycopg  # noqa: PLC0415 -- see above

    conninfo = _authority_database[0]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def authority(authority_settings: "Settings") -> "Iterator[Authority]":
    """Yield an open Authority."""
    from authority_queries import Authority  # noqa: PLC0415 -- see above

    with Authority.open(authority_settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def authority_maintenance(authority_settings: "Settings") -> "Iterator[Maintenance]":
    """Yield an open Maintenance."""
    from authority_queries import Maintenance  # noqa: PLC0415 -- see above

    with Maintenance.open(authority_settings) as opened:
        yield opened


@pytest.fixture
def authority_tenant(
    authority: "Authority", authority_maintenance: "Maintenance"
) -> "SampleTenant":
    """Return a new tenant without rows of other tests, and its factories."""
    from authority_queries.testing import SampleTenant  # noqa: PLC0415 -- see above

    code = f"test-{next(_numbers)}"
    with authority_maintenance.store() as store:
        tenant = store.tenants.create(code=code, display_name=code)
    return SampleTenant(authority, tenant)


@pytest.fixture
def authority_clock(
    authority_dba: "psycopg.Connection[object]",
) -> "Iterator[Clock]":
    """Yield the clock of the database. It shows the real time after the test."""
    from authority_queries.testing import Clock  # noqa: PLC0415 -- see above

    clock = Clock(authority_dba)
    try:
        yield clock
    finally:
        clock.reset()
