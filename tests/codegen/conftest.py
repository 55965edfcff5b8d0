"""The server for tests of plans."""

from collections.abc import Iterator

import pytest
from psycopg.conninfo import make_conninfo

from authority_queries.service.embedded import running_embedded_server
from tests.conftest import server_folder


@pytest.fixture(scope="package")
def embedded() -> Iterator[str]:
    """An embedded server: the committed plans are those of its version."""
    with (
        server_folder() as folder,
        running_embedded_server(folder / "data") as parameters,
    ):
        yield make_conninfo("", **parameters)
