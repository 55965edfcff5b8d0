"""A pool whose server restarts, fails over, or stands by."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Authority, Maintenance, Settings, migrate
from authority_queries.errors import UnavailableError
from authority_queries.service.migrations import yoyo_url
from tests.cluster import Cluster, new_cluster
from tests.factories import make_tenant, make_user

SIZE = 4


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with (
        tempfile.TemporaryDirectory() as folder,
        new_cluster(Path(folder)) as cluster,
    ):
        cluster.start()
        yield cluster


def settings_of(*clusters: Cluster, **more: str) -> Settings:
    hosts = [
        str(psycopg.conninfo.conninfo_to_dict(each.conninfo)["host"])
        for each in clusters
    ]
    conninfo = make_conninfo(clusters[0].conninfo, host=",".join(hosts), **more)
    return Settings(database_url=yoyo_url(conninfo), pool_max_size=SIZE)


def warm(authority: Authority) -> None:
    """Connect all connections of the pool, and leave them idle."""
    with ExitStack() as stack:
        for _ in range(SIZE):
            stack.enter_context(authority._lend())


def outcomes(call: Callable[[], object], count: int) -> "Counter[str]":
    seen: Counter[str] = Counter()
    for _ in range(count):
        try:
            call()
        except Exception as error:
            seen[type(error).__name__] += 1
        else:
            seen["done"] += 1
    return seen


def test_a_finished_restart_or_failover_causes_no_error(cluster: Cluster) -> None:
    begun = monotonic()
    with pytest.raises(UnavailableError, match="`authority migrate`"):
        Authority.open(settings_of(cluster)).__enter__()
    assert monotonic() - begun < 5  # its role does not exist; nothing is waited for
    migrate(cluster.conninfo)
    with (
        Maintenance.open(settings_of(cluster)) as maintenance,
        maintenance.store() as store,
    ):
        tenant_id = make_tenant(store).id
    standby = cluster.standby()
    standby.start()
    try:
        fail_over(cluster, standby, tenant_id)
    finally:
        standby.stop()


def fail_over(cluster: Cluster, standby: Cluster, tenant_id: UUID) -> None:
    with Authority.open(settings_of(cluster, standby)) as authority:

        def write() -> None:
            with authority.tenant(tenant_id) as store:
                make_user(store, tenant_id)

        warm(authority)
        cluster.kill()
        cluster.start()
        assert outcomes(write, 8) == {"done": 8}

        warm(authority)
        cluster.kill()
        with psycopg.connect(standby.conninfo) as dba:
            dba.execute("select pg_promote()")
        cluster.demote()
        cluster.start()
        assert outcomes(write, 12) == {"done": 12}

    begun = monotonic()
    with pytest.raises(UnavailableError, match="standby"):
        Authority.open(settings_of(cluster)).__enter__()
    assert monotonic() - begun < 5
    # A session that only reads may use a standby.
    with (
        Authority.open(settings_of(cluster, target_session_attrs="any")) as authority,
        authority.tenant(tenant_id) as store,
    ):
        assert store.users.list(tenant_id=tenant_id).items
