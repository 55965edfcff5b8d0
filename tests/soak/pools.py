"""Whether every connection of a pool can be had, all at once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from uuid import UUID

from authority_queries import AsyncAuthority, Authority
from authority_queries.errors import UnavailableError

# Longer than the pool's own limit.
_LONGER = 1.0


def count_usable(authority: Authority, tenant_id: UUID) -> int:
    """Take as many connections as the pool allows; return how many were available."""
    size, patience = _size(authority)
    together = Barrier(size)

    def hold(_: int) -> bool:
        try:
            with authority.tenant(tenant_id, autocommit=True) as store:
                store.users.get_by_username(tenant_id=tenant_id, username="nobody")
                with suppress(BrokenBarrierError):
                    together.wait(timeout=patience)
        except UnavailableError:
            return False
        return True

    with ThreadPoolExecutor(size) as threads:
        return sum(threads.map(hold, range(size)))


async def count_usable_async(authority: AsyncAuthority, tenant_id: UUID) -> int:
    """Do the same in the other form."""
    size, patience = _size(authority)
    together = asyncio.Barrier(size)

    async def hold() -> bool:
        try:
            async with authority.tenant(tenant_id, autocommit=True) as store:
                await store.users.get_by_username(
                    tenant_id=tenant_id, username="nobody"
                )
                with suppress(TimeoutError, asyncio.BrokenBarrierError):
                    async with asyncio.timeout(patience):
                        await together.wait()
        except UnavailableError:
            return False
        return True

    return sum(await asyncio.gather(*(hold() for _ in range(size))))


def _size(authority: Authority | AsyncAuthority) -> tuple[int, float]:
    settings = authority.settings
    return settings.pool_max_size, settings.pool_timeout + _LONGER
