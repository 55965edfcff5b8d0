"""An event loop goes on while a slow hash is computed."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address
from threading import Event
from typing import Any

import pytest

from authority_queries import (
    AsyncAuthority,
    Keyring,
    Settings,
    hash_client_secret,
    mint_token,
)
from authority_queries.contrib.oauth import AsyncProvider, Passed, ProviderSettings
from authority_queries.testing import SampleTenant
from tests.contrib.flows import ISSUER, basic, post

pytestmark = pytest.mark.one_version

HERE = ip_address("192.0.2.1")
PASSWORD = "correct horse battery staple"
TOKEN = post("/token", grant_type="client_credentials")


class Counting(ThreadPoolExecutor):
    """The threads of an event loop. It counts the calls that they got."""

    calls = 0

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> "Future[Any]":
        self.calls += 1
        return super().submit(fn, *args, **kwargs)


def test_passwords_and_chosen_secrets_are_hashed_in_threads(
    authority_settings: Settings, authority_tenant: SampleTenant
) -> None:
    authority_tenant.user("ann", password=PASSWORD)
    minted = mint_token("client_secret", authority_tenant.id).token
    for client_id, secret in (("chosen", PASSWORD), ("minted", minted)):
        client = authority_tenant.client(client_id, client_type="confidential")
        with authority_tenant.unit() as store:
            store.client_secrets.add(
                tenant_id=client.tenant_id,
                client_uuid=client.id,
                secret_hash=hash_client_secret(secret),
            )

    async def play() -> None:
        threads = Counting()
        asyncio.get_running_loop().set_default_executor(threads)
        async with AsyncAuthority.open(authority_settings) as authority:
            provider = AsyncProvider(authority, authority_tenant.id, settings())
            before = threads.calls
            passed = await provider.sign_in.check_password("ann", PASSWORD, HERE)
            assert isinstance(passed, Passed)
            assert threads.calls == before + 1
            for client_id, secret, calls in (
                ("minted", minted, 1),
                ("chosen", PASSWORD, 2),
            ):
                header = basic(client_id, secret)
                answer = await provider.token.answer(replace(TOKEN, headers=[header]))
                assert answer.status == 200
                assert threads.calls == before + calls

    asyncio.run(play())


class Slow(ThreadPoolExecutor):
    """Threads that begin when they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.let_go = Event()
        self.let_go.set()

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> "Future[Any]":
        def wait() -> object:
            assert self.let_go.wait(timeout=30)
            return fn(*args, **kwargs)

        self.asked.set()
        return super().submit(wait)


def test_no_connection_waits_for_a_hash(
    authority_settings: Settings, authority_tenant: SampleTenant
) -> None:
    authority_tenant.user("ann", password=PASSWORD)
    narrow = authority_settings.model_copy(
        update={"pool_min_size": 1, "pool_max_size": 1}
    )

    async def play() -> None:
        threads = Slow()
        asyncio.get_running_loop().set_default_executor(threads)
        async with AsyncAuthority.open(narrow) as authority:
            provider = AsyncProvider(authority, authority_tenant.id, settings())
            threads.asked.clear()
            threads.let_go.clear()
            entering = asyncio.create_task(
                provider.sign_in.check_password("ann", PASSWORD, HERE)
            )
            await threads.asked.wait()
            assert (await provider.jwks()).status == 200
            threads.let_go.set()
            assert isinstance(await entering, Passed)

    asyncio.run(asyncio.wait_for(play(), timeout=60))


def settings() -> ProviderSettings:
    return ProviderSettings(
        issuer=ISSUER,
        keyring=Keyring(current="k", keys={"k": secrets.token_bytes(32)}),
        derivation_key=secrets.token_bytes(32),
    )
