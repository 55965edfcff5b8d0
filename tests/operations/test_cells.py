"""Two servers, each with some tenants, behind PgBouncer with a database for each."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from time import monotonic, sleep
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries import (
    AsyncAuthority,
    AsyncCells,
    Authority,
    Cells,
    Maintenance,
    Mover,
    Settings,
    migrate,
    mint_token,
)
from authority_queries.errors import (
    ConfigurationError,
    DuplicateError,
    InvalidArgumentError,
    TenantInactiveError,
    TenantMovingError,
    UnavailableError,
)
from authority_queries.records import Client
from authority_queries.service.migrations import yoyo_url
from tests.cluster import Cluster, new_cluster
from tests.conftest import PASSWORD, server_folder
from tests.factories import (
    make_client,
    make_session,
    make_tenant,
    make_token,
    make_user,
)
from tests.figures import lines_of
from tests.isolation.pgbouncer import pooled, program
from tests.operations.servers import settings_of

pytestmark = pytest.mark.one_version

LOGIN = "auth_service"
BEFORE, AFTER = 0.3, 0.3  # seconds of load on each side of a move
MOVING = "moving"


@dataclass
class World:
    """Two servers, the service's way to each, and the directory of tenants."""

    servers: dict[str, Cluster]
    routes: dict[str, Settings]
    homes: dict[UUID, str] = field(default_factory=dict)
    lookups: int = 0

    def find_cell(self, tenant_id: UUID) -> str | None:
        self.lookups += 1
        home = self.homes.get(tenant_id)
        if home == MOVING:
            message = "the tenant moves"
            raise TenantMovingError(message)
        return home

    async def find_cell_async(self, tenant_id: UUID) -> str | None:
        return self.find_cell(tenant_id)

    def new_tenant(self, cell: str, **fields: str) -> UUID:
        with (
            Maintenance.open(settings_of(self.servers[cell])) as maintenance,
            maintenance.store() as store,
        ):
            tenant_id = make_tenant(store, **fields).id
        self.homes[tenant_id] = cell
        return tenant_id

    def move(self, tenant_id: UUID, source: str, target: str) -> float:
        """Move the tenant as docs/cells.md says. Return the seconds without it."""
        with (
            Mover.open(settings_of(self.servers[source])) as old,
            Mover.open(settings_of(self.servers[target])) as new,
            Maintenance.open(settings_of(self.servers[target])) as maintenance,
            maintenance.store() as store,
        ):
            began = monotonic()
            self.homes[tenant_id] = MOVING
            assert old.hold_tenant(tenant_id)
            dump = "".join(old.dump_tenant(tenant_id))
            new.load_tenant(dump.splitlines(keepends=True))
            assert "".join(new.dump_tenant(tenant_id)) == dump
            store.tenants.resume(tenant_id=tenant_id)
            self.homes[tenant_id] = target
            return monotonic() - began

    def retire(self, tenant_id: UUID, cell: str) -> None:
        """Delete the tenant from the cell that it has left."""
        with Maintenance.open(settings_of(self.servers[cell])) as maintenance:
            with maintenance.store() as store:
                store.tenants.terminate(tenant_id=tenant_id)
            assert maintenance.erase_tenant(tenant_id).is_complete


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Cluster]]:
    with ExitStack() as stack:
        found = {}
        for name in ("cell_a", "cell_b"):
            folder = stack.enter_context(server_folder())
            found[name] = stack.enter_context(new_cluster(folder))
            found[name].start("-c", "fsync=off")
            migrate(found[name].conninfo)
            with psycopg.connect(found[name].conninfo) as dba:
                dba.execute(f"create role {LOGIN} login in role authority_app")
                dba.execute(f"grant connect on database postgres to {LOGIN}")
        yield found


@pytest.fixture(scope="module")
def world(servers: dict[str, Cluster]) -> Iterator[World]:
    if program() is None:
        pytest.skip("pgbouncer is not installed")  # -- because it is no Python package
    with pooled(
        servers["cell_a"].conninfo,
        {LOGIN: PASSWORD},
        "default_pool_size = 4",
        databases={name: _address(one) for name, one in servers.items()},
    ) as bouncer:
        routes = {
            name: Settings(
                database_url=yoyo_url(
                    make_conninfo(bouncer, user=LOGIN, password=PASSWORD, dbname=name)
                ),
                pool_max_size=4,
            )
            for name in servers
        }
        yield World(servers, routes)


def _address(server: Cluster) -> str:
    found = conninfo_to_dict(server.conninfo)
    return make_conninfo(host=found["host"], dbname=found["dbname"])


@pytest.fixture
def cells(world: World) -> Iterator[Cells]:
    with ExitStack() as stack:
        authorities = {
            name: stack.enter_context(Authority.open(settings))
            for name, settings in world.routes.items()
        }
        yield Cells(authorities, world.find_cell)


@dataclass
class Ledger:
    """What was acknowledged, and what answered otherwise."""

    live: dict[str, None] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    waits: int = 0
    writes: list[float] = field(default_factory=list)


class Load:
    """Services that verify, issue and revoke until they are stopped."""

    def __init__(self, cells: Cells, client: Client) -> None:
        self.cells, self.client, self.ledger = cells, client, Ledger()
        self.has_ended = threading.Event()

    def write(self) -> None:
        """Issue tokens and revoke every second one."""
        tenant_id = self.client.tenant_id
        with self.cells.tenant(tenant_id) as store:
            minted, token = make_token(store, self.client)
        self.ledger.writes.append(monotonic())
        if len(self.ledger.writes) % 2:
            self.ledger.live[minted.token] = None
            return
        with self.cells.tenant(tenant_id) as store:
            assert store.tokens.revoke_by_id(
                tenant_id=tenant_id, token_id=token.id, reason="stolen"
            )
        self.ledger.revoked.append(minted.token)

    def read(self) -> None:
        """Verify a token that lives and one that was revoked."""
        ledger = self.ledger
        if not ledger.live or not ledger.revoked:
            return
        number = len(ledger.writes)
        live = list(ledger.live)[number % len(ledger.live)]
        revoked = ledger.revoked[number % len(ledger.revoked)]
        if self.cells.verify_token(live) is None:
            ledger.wrong.append("a live token was refused")
        if self.cells.verify_token(revoked) is not None:
            ledger.wrong.append("a revoked token was accepted")

    def run(self, what: Callable[[], None]) -> None:
        while not self.has_ended.is_set():
            try:
                what()
            except TenantMovingError:
                self.ledger.waits += 1
                sleep(0.01)
            sleep(0.001)


def test_a_tenant_moves_between_cells_under_load(
    world: World, cells: Cells, request: pytest.FixtureRequest
) -> None:
    moved, stays = world.new_tenant("cell_a"), world.new_tenant("cell_a")
    loads = []
    for tenant_id in (moved, stays):
        with cells.tenant(tenant_id) as store:
            loads.append(Load(cells, make_client(store, tenant_id)))
    with ThreadPoolExecutor(6) as threads:
        running = [
            threads.submit(load.run, what)
            for load in loads
            for what in (load.write, load.read, load.read)
        ]
        try:
            sleep(BEFORE)
            seconds = world.move(moved, "cell_a", "cell_b")
            sleep(AFTER)
        finally:
            for load in loads:
                load.has_ended.set()
        for one in running:
            one.result()
    for load in loads:
        ledger = load.ledger
        assert ledger.wrong == []
        assert all(cells.verify_token(token) for token in ledger.live)
        assert not any(cells.verify_token(token) for token in ledger.revoked)
    ours, others = (load.ledger for load in loads)
    assert ours.waits > 0
    assert others.waits == 0
    writes = ours.writes
    gap = max(later - first for first, later in pairwise(writes))
    lines_of(request.config, "cells").append(
        f"a tenant with {len(writes)} tokens moved under load in {seconds:.2f} s: "
        f"{gap:.2f} s without its writes, {ours.waits} calls repeated, 0 tokens lost, "
        f"0 revoked tokens accepted; its neighbour repeated {others.waits}"
    )


def test_a_tenants_calls_go_to_its_cell(world: World, cells: Cells) -> None:
    for name in world.servers:
        tenant_id = world.new_tenant(name)
        with cells.tenant(tenant_id) as store:
            client = make_client(store, tenant_id)
            minted, token = make_token(store, client)
            cookie, session = make_session(store, make_user(store, tenant_id))
        world.lookups = 0
        for _ in range(3):
            found = cells.verify_token(minted.token, tenant_id=tenant_id)
            assert found is not None
            assert found.id == token.id
            opened = cells.verify_session(cookie.token)
            assert opened is not None
            assert opened.id == session.id
        assert world.lookups == 0
        assert cells.verify_token(mint_token("access", tenant_id).token) is None
        assert cells.verify_session(mint_token("session", tenant_id).token) is None
        assert cells.verify_token(minted.token, tenant_id=uuid4()) is None
        assert world.lookups == 2
        with Authority.open(settings_of(world.servers[name])) as authority:
            assert authority.verify_token(minted.token) is not None


def test_a_tenant_of_no_cell_is_refused(world: World, cells: Cells) -> None:
    unknown = uuid4()
    assert cells.get_authority(unknown) is None
    assert cells.verify_token(mint_token("access", unknown).token) is None
    with pytest.raises(TenantInactiveError), cells.tenant(unknown):
        pass
    assert cells.verify_token("no token") is None
    world.homes[unknown] = "cell_c"
    with pytest.raises(ConfigurationError, match="'cell_c'"):
        cells.verify_token(mint_token("access", unknown).token)
    suspended = world.new_tenant("cell_a")
    with Mover.open(settings_of(world.servers["cell_a"])) as mover:
        mover.hold_tenant(suspended)
    with pytest.raises(TenantInactiveError) as caught, cells.tenant(suspended) as store:
        make_client(store, suspended)
    assert not isinstance(caught.value, TenantMovingError)


def test_cells_check_the_arguments_that_an_authority_checks() -> None:
    cells, token = Cells({}, lambda _: None), mint_token("access", uuid4()).token
    wrong: dict[str, Any] = {"kind": "session", "tenant_id": "acme", "resource": 5}
    for name, value in wrong.items():
        with pytest.raises(InvalidArgumentError, match=f"^{name} must be"):
            cells.verify_token(token, **{name: value})
    with pytest.raises(InvalidArgumentError, match=r"^tenant_id must be a UUID"):
        cells.verify_session(token, tenant_id=wrong["tenant_id"])


def test_services_find_a_moved_tenant_after_its_old_cell_is_gone(
    world: World, cells: Cells
) -> None:
    tenant_id = world.new_tenant("cell_a")
    with cells.tenant(tenant_id) as store:
        client = make_client(store, tenant_id)
        minted, _ = make_token(store, client)
        position = store.revocations.get_position(tenant_id=tenant_id)
    world.homes[tenant_id] = MOVING
    with cells.tenant(tenant_id) as store:  # its cell does not refuse it yet
        make_token(store, client)
    world.homes[tenant_id] = "cell_a"
    world.move(tenant_id, "cell_a", "cell_b")
    with pytest.raises(TenantMovingError), cells.tenant(tenant_id) as store:
        make_token(store, client)
    with cells.tenant(tenant_id) as store:
        store.tenants.revoke_tokens(tenant_id=tenant_id)
    with cells.tenant(tenant_id) as store:
        entry = store.revocations.list_since(tenant_id=tenant_id, sequence=position)
    assert [one.sequence for one in entry] == [position + 1]
    world.retire(tenant_id, "cell_a")
    world.homes[tenant_id] = "cell_a"
    assert cells.verify_token(minted.token) is None
    with (
        Authority.open(nowhere(world)) as stopped,
        Authority.open(world.routes["cell_b"]) as runs,
    ):
        gone = Cells({"cell_a": stopped, "cell_b": runs}, world.find_cell)
        with pytest.raises(UnavailableError):
            gone.verify_token(minted.token)
        world.homes[tenant_id] = "cell_b"
        assert gone.verify_token(minted.token) is None  # the epoch has ended it
        with gone.tenant(tenant_id) as store:
            minted, _ = make_token(store, client)
        assert gone.verify_token(minted.token) is not None


def nowhere(world: World) -> Settings:
    """Return settings of a server that does not answer."""
    conninfo = make_conninfo(world.servers["cell_a"].conninfo, port=1)
    return Settings(database_url=yoyo_url(conninfo), pool_min_size=0, pool_timeout=0.1)


def test_a_name_is_unique_in_its_tenant_and_a_code_in_its_cell(world: World) -> None:
    first = world.new_tenant("cell_a", code="acme")
    with suppress(DuplicateError):
        world.new_tenant("cell_a", code="acme")
        pytest.fail("a cell has two tenants with one code")
    second = world.new_tenant("cell_b", code="acme")
    assert first != second
    with Mover.open(settings_of(world.servers["cell_a"])) as old:
        assert old.find_tenant("acme") == first
        old.hold_tenant(first)
        dump = [*old.dump_tenant(first)]
    with (
        Mover.open(settings_of(world.servers["cell_b"])) as new,
        pytest.raises(DuplicateError),
    ):
        new.load_tenant("".join(dump).splitlines(keepends=True))


def test_the_asynchronous_form_follows_a_move_too(world: World) -> None:
    asyncio.run(_follow(world))


async def _follow(world: World) -> None:
    tenant_id = world.new_tenant("cell_a")
    async with AsyncExitStack() as stack:
        authorities = {
            name: await stack.enter_async_context(AsyncAuthority.open(settings))
            for name, settings in world.routes.items()
        }
        cells = AsyncCells(authorities, world.find_cell_async)
        minted = mint_token("access", tenant_id)
        async with cells.tenant(tenant_id) as store:
            await store.clients.create(
                tenant_id=tenant_id, client_id="cli", client_type="confidential"
            )
            await store.grants.issue_to_client(
                tenant_id=tenant_id,
                token_hash=minted.hash,
                client_id="cli",
                lifetime=timedelta(minutes=10),
            )
        world.homes[tenant_id] = MOVING
        assert await cells.verify_token(minted.token) is not None
        with Mover.open(settings_of(world.servers["cell_a"])) as mover:
            mover.hold_tenant(tenant_id)
        with pytest.raises(TenantMovingError):
            await cells.verify_token(minted.token)
        world.homes[tenant_id] = "cell_a"
        assert await cells.verify_token(minted.token) is None
