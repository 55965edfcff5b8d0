"""The rows of the table whose database is killed in the middle."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from authority_queries import Settings, migrate
from authority_queries.service.migrations import yoyo_url
from tests.cluster import new_cluster
from tests.contrib.clients.cases import Case
from tests.contrib.clients.drivers import Library
from tests.contrib.clients.page import TABLED
from tests.contrib.clients.world import World, played, world_on

# The files outlive the server's processes, also without a flush.
FAST = ("-c", "fsync=off")

pytestmark = pytest.mark.one_version


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, new_cluster(Path(folder)) as cluster:
        cluster.start(*FAST)
        migrate(cluster.conninfo)
        url = yoyo_url(cluster.conninfo)
        settings = Settings(backend="postgres", database_url=url, pool_timeout=0.5)
        with world_on(settings, cluster) as served:
            yield served


@played([case for case in TABLED if case.on_cluster])
def test_a_client_goes_on_after_the_restart(
    case: Case, kind: type[Library], world: World
) -> None:
    with world.stage(case, kind) as stage:
        assert case.play(stage) == case.expected
