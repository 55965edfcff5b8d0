"""A server that is killed while families are refreshed, and recovers."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import NewToken, Store, migrate, mint_token
from authority_queries.records import Client, Redemption
from authority_queries.secrets import TokenString
from tests.cluster import Cluster, new_cluster
from tests.factories import HOUR, make_client, make_tenant
from tests.flows.token_families import (
    Dba,
    Families,
    count_families,
    make_families,
    refresh,
)
from tests.stores import Logins, routed_store

CRASHES, ROTATORS, FAMILIES = 10, 8, 5
PATIENCE = 60


class Load:
    """State that the rotators share with the thread that kills the server."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.up = Event()
        self.up.set()
        self.stop = Event()
        self.answers = Semaphore(0)

    def wait_for(self, answers: int) -> None:
        for _ in range(answers):
            assert self.answers.acquire(timeout=PATIENCE)


class Rotator:
    """A service that refreshes its families in turn, and repeats failed requests."""

    def __init__(self, client: Client, tokens: list[TokenString], load: Load) -> None:
        self._client = client
        self._tokens = tokens
        self._load = load
        self._line: Dba | None = None
        self.acknowledged: list[Redemption] = []
        self.retries: Counter[str] = Counter()

    def run(self) -> None:
        while not self._load.stop.is_set():
            self._refresh_next()
        self._hang_up()

    def finish(self) -> None:
        """Refresh every family once more."""
        for _ in range(FAMILIES):
            self._refresh_next()
        self._hang_up()

    def _refresh_next(self) -> None:
        token = self._tokens.pop(0)
        request, new = uuid4(), mint_token("refresh", self._client.tenant_id)
        answer = self._ask(token, request, new)
        if answer is not None:
            assert answer.outcome == "redeemed"
        while answer is None:
            assert self._load.up.wait(timeout=PATIENCE)
            answer = self._ask(token, request, new)
            if answer is not None:
                self.retries[str(answer.outcome)] += 1
        assert answer.refresh_token_id is not None
        self.acknowledged.append(answer)
        self._load.answers.release()
        self._tokens.append(new)

    def _ask(
        self, token: TokenString, request: UUID, new: TokenString
    ) -> Redemption | None:
        """Refresh, on a new line if the last one broke; None: it has broken."""
        successor = NewToken(hash=new.hash, lifetime=HOUR)
        try:
            if self._line is None:
                self._line = psycopg.connect(self._load.conninfo, autocommit=True)
            with Store.unit(
                self._line, self._client.tenant_id, autocommit=True
            ) as store:
                return refresh(
                    store, self._client, token, request, refresh_token=successor
                )
        except psycopg.OperationalError:
            self._hang_up()
            return None

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster on a disk that PostgreSQL waits for, as it does by default."""
    with tempfile.TemporaryDirectory() as folder, new_cluster(Path(folder)) as cluster:
        cluster.start()
        migrate(cluster.conninfo)
        with psycopg.connect(cluster.conninfo) as dba:
            for name in ("app", "maintenance"):
                dba.execute(f"create role {name} login in role authority_{name}")
                dba.execute(f"grant connect on database postgres to {name}")
        yield cluster


def rotators(cluster: Cluster, load: Load) -> list[Rotator]:
    logins = Logins(
        dba=cluster.conninfo,
        app=load.conninfo,
        maintenance=make_conninfo(cluster.conninfo, user="maintenance"),
        reader="",
    )
    with routed_store(logins) as store:
        client = make_client(store, make_tenant(store).id)
        return [
            Rotator(client, make_families(store, client, FAMILIES), load)
            for _ in range(ROTATORS)
        ]


def count_lost(dba: Dba, running: list[Rotator]) -> int:
    """Count the successors that a service received and that do not exist."""
    told = [
        token_id
        for rotator in running
        for answer in list(rotator.acknowledged)
        for token_id in (answer.access_token_id, answer.refresh_token_id)
    ]
    row = dba.execute(
        "select count(*) from unnest(%s::uuid[]) as told (id) "
        "where not exists (select from authority.tokens where tokens.id = told.id)",
        [told],
    ).fetchone()
    assert row is not None
    return int(row[0])


def crash(cluster: Cluster, running: list[Rotator], load: Load) -> tuple[int, int]:
    """Kill and restart; return the numbers of lost tokens and of halves.

    Rotators wait meanwhile with their interrupted request.
    """
    load.up.clear()
    cluster.kill()
    cluster.start()
    with psycopg.connect(cluster.conninfo) as dba:
        damage = count_lost(dba, running), count_families(dba).halves
    load.up.set()
    return damage


def test_a_killed_server_loses_nothing_acknowledged_and_leaves_nothing_half_done(
    cluster: Cluster, figures: list[str]
) -> None:
    load = Load(make_conninfo(cluster.conninfo, user="app"))
    running = rotators(cluster, load)
    damages = []
    with ThreadPoolExecutor(ROTATORS) as threads:
        rotating = [threads.submit(rotator.run) for rotator in running]
        try:
            for number in range(CRASHES):
                load.wait_for(answers=40 + 7 * number)
                damages.append(crash(cluster, running, load))
            load.wait_for(answers=40)
        finally:
            load.stop.set()
            load.up.set()
        for each in rotating:
            each.result()
    for rotator in running:
        rotator.finish()
    with psycopg.connect(cluster.conninfo) as dba:
        lost, left = count_lost(dba, running), count_families(dba)
    retries = sum((rotator.retries for rotator in running), Counter[str]())
    acknowledged = sum(len(rotator.acknowledged) for rotator in running)
    figures.append(
        f"SIGKILL of the server {CRASHES} times under {ROTATORS} rotators: {lost} of "
        f"{acknowledged} acknowledged rotations lost, {left.halves} half ones, "
        f"on retry {dict(retries)}; {left.live} of {ROTATORS * FAMILIES} families live"
    )
    assert damages == [(0, 0)] * CRASHES
    assert lost == 0
    assert retries.total() > 0
    families = ROTATORS * FAMILIES
    assert left == Families(live=families, branches=families, forks=0, halves=0)
