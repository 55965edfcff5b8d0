"""One migrated database for a module, which its importer's login owns."""

from collections.abc import Iterator

import pytest

from tests.conftest import Databases, Server
from tests.operations.moving import Place, owned, place


@pytest.fixture(scope="module")
def home(
    server: Server,
    all_databases: Databases,
    template: str,
    login_names: dict[str, str],
) -> Iterator[Place]:
    """A migrated database without tenants."""
    with (
        owned(server.conninfo) as owner,
        all_databases.copy_of(template) as conninfo,
        place(conninfo, owner, login_names) as found,
    ):
        yield found
