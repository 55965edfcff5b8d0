"""Fixtures that the tests of isolation share."""

import logging
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.isolation.matrix.cases import Roles


@pytest.fixture
def unannounced() -> Iterator[None]:
    """Do not count as a test of each query (tests/every_query.py).

    A query that leaks nothing has not shown what it does.
    """
    logger = logging.getLogger("authority_queries.sql")
    logger.disabled = True
    yield
    logger.disabled = False


@pytest.fixture
def matrix_roles(
    dba: "psycopg.Connection[Any]", login_names: dict[str, str], unannounced: None
) -> Iterator[Roles]:
    """Logins of each role, and one that bypasses row-level security."""
    bypass = f"authority_test_bypass_{os.getpid()}"
    dba.execute(
        f"create role {bypass} login bypassrls "
        "in role authority_app, authority_maintenance".encode()
    )
    yield Roles(
        app=login_names["app"],
        maintenance=login_names["maintenance"],
        reader=login_names["reader"],
        bypass=bypass,
    )
    dba.execute(f"drop role {bypass}".encode())
