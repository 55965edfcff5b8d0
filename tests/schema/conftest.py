from collections.abc import Iterator

import psycopg
import pytest

from tests.schema.bare_server import Bare
from tests.schema.fresh_server import fresh_server


@pytest.fixture(scope="session")
def _bare_server() -> Iterator[Bare]:
    with (
        fresh_server() as (conninfo, psql),
        psycopg.connect(conninfo, autocommit=True) as dba,
    ):
        yield Bare(conninfo, psql, dba)


@pytest.fixture
def bare(_bare_server: Bare) -> Iterator[Bare]:
    """A server without roles or databases of an authority."""
    yield _bare_server
    _bare_server.forget()
