"""Sixteen callers of one event loop on eight connections, in a process of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any, Final

from authority_queries import AsyncAuthority, Settings, parse_token
from authority_queries.service.migrations import yoyo_url
from benchmarks.compared.authority import Given
from benchmarks.compared.drivers import connect, numbered
from benchmarks.compared.workload import Run, Runs, check

CALLERS: Final = 16
CONNECTIONS: Final = 8


@contextmanager
def connected(database: str, given: Given) -> Iterator[Runs]:
    """Connect, and yield the measured calls."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        settings = Settings(database_url=yoyo_url(database), pool_max_size=CONNECTIONS)
        opening = AsyncAuthority.open(settings)
        authority = loop.run_until_complete(opening.__aenter__())
        free = loop.run_until_complete(_free(database))
        yield {
            "authority": _at_once(loop, _by_authority(authority, given)),
            "asyncpg": _at_once(loop, _by_asyncpg(free, given)),
        }
        loop.run_until_complete(opening.__aexit__(None, None, None))


def _by_authority(
    authority: AsyncAuthority, given: Given
) -> Callable[[], Awaitable[None]]:
    strings = cycle([token for token, _, _ in given["access"]])

    async def verify() -> None:
        check(await authority.verify_token(next(strings)))

    return verify


def _by_asyncpg(
    free: "asyncio.LifoQueue[Any]", given: Given
) -> Callable[[], Awaitable[None]]:
    presented = [parse_token(token) for token, _, _ in given["access"]]
    sent = cycle([(token.tenant_id, token.hash) for token in presented])
    text = numbered()

    async def verify() -> None:
        connection = await free.get()
        check(await connection.fetchrow(text, *next(sent), "access", None))
        free.put_nowait(connection)

    return verify


def _at_once(
    loop: asyncio.AbstractEventLoop, verify: Callable[[], Awaitable[None]]
) -> Run:
    async def caller(count: int) -> None:
        for _ in range(count):
            await verify()

    async def run(count: int) -> None:
        await asyncio.gather(*(caller(count // CALLERS) for _ in range(CALLERS)))

    return lambda count: loop.run_until_complete(run(count))


async def _free(database: str) -> "asyncio.LifoQueue[Any]":
    free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await connect(database))
    return free
