"""Work beside the requests: notices of sign-outs, and new signing keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from authority_queries.errors import AuthorityError
from examples.openid_provider.issuers import Issuers

_PAUSE = 1.0  # seconds
_DAY = 24 * 60 * 60


@asynccontextmanager
async def working(issuers: Issuers) -> AsyncIterator[None]:
    """Work during the block. Of several processes, one is enough."""
    tasks = [
        asyncio.create_task(_deliver(issuers)),
        asyncio.create_task(_rotate(issuers)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _deliver(issuers: Issuers) -> None:
    while True:
        for provider in issuers.all:
            with suppress(AuthorityError):  # the store logs it: try again
                await provider.logout.deliver_notices()
        await asyncio.sleep(_PAUSE)


async def _rotate(issuers: Issuers) -> None:
    while True:
        await asyncio.sleep(_DAY)
        for provider in issuers.all:
            with suppress(AuthorityError):
                await provider.rotate_keys()
