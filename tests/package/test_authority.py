import asyncio
import threading
from contextlib import suppress
from uuid import uuid4

import pytest

from authority_queries import AsyncAuthority, Authority, Settings
from authority_queries.errors import UnavailableError
from authority_queries.migrations import yoyo_url

CLOSED = "postgresql://me:swordfish@127.0.0.1:1/x"


def test_each_call_of_a_lent_store_commits(conninfo: str) -> None:
    with Authority.open(Settings(database_url=yoyo_url(conninfo))) as authority:
        with authority.store() as store:
            store.tenants.create(code="kept", display_name="Kept")
        with authority.store() as store:
            assert store.tenants.get_by_code(code="kept") is not None


def test_a_transaction_is_committed_or_rolled_back_whole(conninfo: str) -> None:
    with Authority.open(Settings(database_url=yoyo_url(conninfo))) as authority:
        with authority.transaction() as store:
            store.tenants.create(code="kept", display_name="Kept")
        with suppress(ZeroDivisionError), authority.transaction() as store:
            store.tenants.create(code="lost", display_name="Lost")
            _ = 1 / 0
        with authority.store() as store:
            assert store.tenants.get_by_code(code="kept") is not None
            assert store.tenants.get_by_code(code="lost") is None


def test_the_asynchronous_form_does_the_same(conninfo: str) -> None:
    async def play() -> None:
        settings = Settings(database_url=yoyo_url(conninfo))
        async with AsyncAuthority.open(settings) as authority:
            async with authority.transaction() as store:
                await store.tenants.create(code="kept", display_name="Kept")
            with suppress(ZeroDivisionError):
                async with authority.transaction() as store:
                    await store.tenants.create(code="lost", display_name="Lost")
                    _ = 1 / 0
            async with authority.store() as store:
                assert await store.tenants.get_by_code(code="kept") is not None
                assert await store.tenants.get_by_code(code="lost") is None

    asyncio.run(play())


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    settings = Settings(database_url=CLOSED, connect_timeout=0.2)
    with (
        pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1/x in time") as caught,
        Authority.open(settings),
    ):
        pass
    assert "swordfish" not in str(caught.value)

    async def play() -> None:
        async with AsyncAuthority.open(settings):
            pass

    with pytest.raises(UnavailableError):
        asyncio.run(play())


def test_a_pool_with_nothing_free_says_so(conninfo: str) -> None:
    settings = Settings(
        database_url=yoyo_url(conninfo), pool_max_size=1, pool_timeout=0.1
    )
    with (
        Authority.open(settings) as authority,
        authority.store(),
        pytest.raises(UnavailableError),
        authority.store(),
    ):
        pass

    async def play() -> None:
        async with AsyncAuthority.open(settings) as authority, authority.store():
            with pytest.raises(UnavailableError):
                async with authority.store():
                    pass

    asyncio.run(play())


def test_a_statement_ends_at_its_timeout(conninfo: str) -> None:
    settings = Settings(database_url=yoyo_url(conninfo), statement_timeout=0.05)
    with Authority.open(settings) as authority, authority.store() as store:
        shown = store.connection.execute("show statement_timeout").fetchone()
        named = store.connection.execute("show application_name").fetchone()
    assert shown == ("50ms",)
    assert named == ("authority",)


def test_one_authority_serves_many_threads(conninfo: str) -> None:
    settings = Settings(database_url=yoyo_url(conninfo), pool_max_size=4)
    with Authority.open(settings) as authority:

        def create() -> None:
            with authority.store() as store:
                store.tenants.create(code=f"t{uuid4().hex[:8]}", display_name="T")

        threads = [threading.Thread(target=create) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with authority.store() as store:
            assert len(store.tenants.list().items) == 16
