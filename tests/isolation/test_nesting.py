"""A task or thread has one unit of work at a time; another one may have its own."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from uuid import UUID

import psycopg
import pytest

from authority_queries import AsyncAuthority, AsyncStore, Authority, Store
from authority_queries.errors import NestedUnitError, UnavailableError
from tests.factories import make_tenant
from tests.isolation.services import settings_for
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

# Far longer than any refusal may take.
PATIENCE = 60.0


@pytest.fixture
def tenants(logins: Logins) -> tuple[UUID, UUID]:
    with routed_store(logins) as store:
        return make_tenant(store).id, make_tenant(store).id


def test_a_unit_in_a_unit_is_refused_at_once_and_the_outer_one_goes_on(
    logins: Logins, tenants: tuple[UUID, UUID]
) -> None:
    acme, globex = tenants
    settings = settings_for(logins.app, pool_timeout=PATIENCE)
    with (
        Authority.open(settings) as authority,
        psycopg.connect(logins.app, autocommit=True) as own,
    ):
        begun = time.monotonic()
        with authority.tenant(acme) as store:
            for other in tenants:
                with pytest.raises(NestedUnitError, match="leave it before"):
                    authority.tenant(other).__enter__()
                with pytest.raises(NestedUnitError, match="leave it before"):
                    Store.unit(own, other).__enter__()
            with pytest.raises(NestedUnitError):
                copy_context().run(authority.tenant(globex).__enter__)
            store.users.create(tenant_id=acme, username="ann")
        assert time.monotonic() - begun < PATIENCE / 2
        with authority.tenant(globex) as store:
            assert store.users.list(tenant_id=globex).items == []


def test_an_asynchronous_unit_in_a_unit_is_refused_at_once(
    logins: Logins, tenants: tuple[UUID, UUID]
) -> None:
    acme, globex = tenants

    async def play() -> None:
        settings = settings_for(logins.app, pool_timeout=PATIENCE)
        own = await psycopg.AsyncConnection.connect(logins.app, autocommit=True)
        async with own, AsyncAuthority.open(settings) as authority:
            async with asyncio.timeout(PATIENCE / 2), authority.tenant(acme) as store:
                for other in tenants:
                    with pytest.raises(NestedUnitError, match="leave it before"):
                        await authority.tenant(other).__aenter__()
                    with pytest.raises(NestedUnitError, match="leave it before"):
                        await AsyncStore.unit(own, other).__aenter__()
                await store.users.create(tenant_id=acme, username="ann")
            async with authority.tenant(globex) as store:
                assert (await store.users.list(tenant_id=globex)).items == []

    asyncio.run(play())


def test_another_thread_has_its_own_unit(
    logins: Logins, tenants: tuple[UUID, UUID]
) -> None:
    acme, globex = tenants
    with (
        Authority.open(settings_for(logins.app, pool_max_size=2)) as authority,
        ThreadPoolExecutor(1) as threads,
        authority.tenant(acme) as store,
    ):
        store.users.create(tenant_id=acme, username="ann")

        def count() -> int:
            with authority.tenant(globex) as store:
                return len(store.users.list(tenant_id=globex).items)

        assert threads.submit(count).result() == 0
        assert threads.submit(copy_context().run, count).result() == 0


def test_another_task_has_its_own_unit_and_may_outlive_the_first(
    logins: Logins, tenants: tuple[UUID, UUID]
) -> None:
    acme, globex = tenants

    async def play() -> None:
        left = asyncio.Event()
        settings = settings_for(logins.app, pool_max_size=2)

        async def count(authority: AsyncAuthority) -> int:
            async with authority.tenant(globex) as store:
                return len((await store.users.list(tenant_id=globex)).items)

        async def count_later(authority: AsyncAuthority) -> int:
            await left.wait()
            return await count(authority) + await count(authority)

        async with AsyncAuthority.open(settings) as authority:
            async with authority.tenant(acme) as store:
                await store.users.create(tenant_id=acme, username="ann")
                assert await asyncio.create_task(count(authority)) == 0
                later = asyncio.create_task(count_later(authority))
            left.set()
            assert await later == 0

    asyncio.run(play())


def test_a_thread_of_a_task_has_its_own_unit(
    logins: Logins, tenants: tuple[UUID, UUID]
) -> None:
    acme, globex = tenants

    async def play() -> None:
        with Authority.open(settings_for(logins.app)) as blocking:

            def count() -> int:
                with blocking.tenant(globex) as store:
                    return len(store.users.list(tenant_id=globex).items)

            async with (
                AsyncAuthority.open(settings_for(logins.app)) as authority,
                authority.tenant(acme) as store,
            ):
                await store.users.create(tenant_id=acme, username="ann")
                assert await asyncio.to_thread(count) == 0

    asyncio.run(play())


def test_one_connection_works_for_one_tenant_also_across_threads(
    logins: Logins, tenants: tuple[UUID, UUID]
) -> None:
    acme, globex = tenants
    refused = []

    def intrude(connection: "psycopg.Connection[object]") -> None:
        with pytest.raises(NestedUnitError, match="on this connection") as caught:
            Store.unit(connection, globex).__enter__()
        refused.append(caught.value)

    with psycopg.connect(logins.app, autocommit=True) as connection:
        for autocommit in (False, True):
            with Store.unit(connection, acme, autocommit=autocommit) as store:
                thread = threading.Thread(target=intrude, args=(connection,))
                thread.start()
                thread.join()
                name = f"user-{autocommit}"
                store.users.create(tenant_id=acme, username=name)
    assert len(refused) == 2


def test_a_finished_task_is_not_kept_alive_by_its_context(
    logins: Logins, tenants: tuple[UUID, UUID]
) -> None:
    context = copy_context()
    acme, _ = tenants

    def work() -> UUID:
        with (
            Authority.open(settings_for(logins.app)) as authority,
            authority.tenant(acme) as store,
        ):
            return store.users.create(tenant_id=acme, username="ann").id

    context.run(work)
    units = [unit for name, unit in context.items() if name.name == "authority_unit"]
    # A unit that is over refers to no task or thread.
    assert [unit() is None or unit().is_over for unit in units] == [True]


def test_a_unit_without_a_free_connection_raises_and_is_not_open(
    logins: Logins, tenants: tuple[UUID, UUID]
) -> None:
    acme, globex = tenants
    with (
        Authority.open(settings_for(logins.app, pool_timeout=0.1)) as authority,
        ThreadPoolExecutor(1) as threads,
    ):

        def wait_in_vain() -> None:
            for _ in range(2):
                with pytest.raises(UnavailableError, match="none was free"):
                    authority.tenant(globex).__enter__()

        with authority.tenant(acme):
            threads.submit(wait_in_vain).result()
        with authority.tenant(globex) as store:
            assert store.users.list(tenant_id=globex).items == []
