"""A server that falls silent: packets are lost, or it hangs."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing, closing, contextmanager
from datetime import timedelta
from threading import Event
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
import pytest

from authority_queries import AsyncAuthority, Authority, Settings, Store
from authority_queries.errors import UnavailableError
from authority_queries.service import settings as settings_module
from tests.factories import make_tenant
from tests.flows.followers import Feed
from tests.isolation.services import settings_for
from tests.proxy import proxy
from tests.stores import Logins

SOON = timedelta(milliseconds=20)
GIVE_UP = timedelta(seconds=0.5)
LIMIT = 1.0  # seconds, of a statement and of silence after it together


class Wire:
    """Passes everything on until it is cut; then nothing, and hangs up at the end."""

    def __init__(self) -> None:
        self.is_cut = Event()
        self.is_over = Event()

    def from_client(self, octets: bytes) -> bytes | None:
        if self.is_cut.is_set():
            self.is_over.wait()
            return None
        return octets

    from_server = from_client

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.is_cut.set()
        try:
            yield
        finally:
            self.is_over.set()
            self.is_cut.clear()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.is_over.set()


@pytest.fixture
def settings(
    logins: Logins, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Settings of pools that give a server up earlier than the default."""
    monkeypatch.setattr(settings_module, "_GRACE", LIMIT / 2)
    with proxy(logins.app, lambda: wire) as conninfo:
        yield settings_for(conninfo, statement_timeout=LIMIT / 2, pool_max_size=2)
        wire.is_over.set()


@pytest.fixture
def tenant_id(store: Store) -> UUID:
    return make_tenant(store).id


@contextmanager
def takes(least: float, most: float) -> Iterator[None]:
    begun = monotonic()
    yield
    assert least <= monotonic() - begun < most


def test_a_silent_server_ends_all_connections_at_once(
    settings: Settings, tenant_id: UUID, wire: Wire
) -> None:
    with Authority.open(settings) as authority:
        with authority._lend(), authority._lend():
            pass
        with (
            wire.cut(),
            takes(LIMIT, 2 * LIMIT + 1),
            pytest.raises(psycopg.OperationalError, match="not answered"),
        ):
            authority.find_tenant("acme")
        with takes(0, LIMIT), authority.tenant(tenant_id) as store:
            assert store.users.list(tenant_id=tenant_id).items == []


def test_a_timeout_of_asyncio_does_not_wait_for_a_silent_server(
    settings: Settings, tenant_id: UUID, wire: Wire
) -> None:
    async def play() -> None:
        async with AsyncAuthority.open(settings) as authority:
            with wire.cut(), takes(0.2, 2.5), pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), authority.tenant(tenant_id) as store:
                    await store.users.list(tenant_id=tenant_id)

    asyncio.run(play())


@pytest.mark.parametrize("listen", [True, False])
def test_a_follower_gives_up_a_silent_server_after_its_limit(
    *, settings: Settings, feed: Feed, wire: Wire, listen: bool
) -> None:
    feed.publish("1")
    options: dict[str, Any] = {
        "poll_interval": SOON,
        "give_up_after": GIVE_UP,
        "listen": listen,
    }
    patience = (GIVE_UP.total_seconds(), GIVE_UP.total_seconds() + 3)
    with (
        Authority.open(settings) as authority,
        closing(authority.follow_revocations(feed.tenant_id, **options)) as entries,
    ):
        assert next(entries).target == "1"
        with wire.cut(), takes(*patience), pytest.raises(UnavailableError):
            next(entries)

    async def play() -> None:
        async with (
            AsyncAuthority.open(settings) as authority,
            aclosing(
                authority.follow_revocations(feed.tenant_id, **options)
            ) as entries,
        ):
            assert (await anext(entries)).target == "1"
            with wire.cut(), takes(*patience), pytest.raises(UnavailableError):
                await anext(entries)

    wire.is_over.clear()
    asyncio.run(play())


def test_opening_a_pool_reports_a_silent_server(settings: Settings, wire: Wire) -> None:
    hasty = settings.model_copy(update={"connect_timeout": 1.0})
    with (
        wire.cut(),
        takes(1, 4),
        pytest.raises(UnavailableError, match="timeout"),
        Authority.open(hasty),
    ):
        time.sleep(0)
