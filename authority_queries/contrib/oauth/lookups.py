"""Looking up names within a time, and connections, in both forms."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread
from typing import Final

from httpcore2 import AnyIOBackend as AsyncTcp
from httpcore2 import SyncBackend as Tcp

from authority_queries.contrib.oauth.outgoing_rules import Resolver

__all__ = ["AsyncTcp", "Tcp", "look_up", "look_up_async"]

# A lookup cannot be cancelled: one that hangs keeps its thread after the timeout. So
# lookups do not use the threads of the event loop, which others need.
_AT_ONCE: Final = 32
_free = BoundedSemaphore(_AT_ONCE)


def look_up(
    resolver: Resolver, host: str, port: int, *, seconds: float
) -> Sequence[str]:
    """Return the addresses of a name. Raises OSError."""
    return _begin(resolver, host, port).result(seconds)


async def look_up_async(
    resolver: Resolver, host: str, port: int, *, seconds: float
) -> Sequence[str]:
    """Return the addresses of a name. Raises OSError."""
    async with asyncio.timeout(seconds):
        return await asyncio.wrap_future(_begin(resolver, host, port))


def _begin(resolver: Resolver, host: str, port: int) -> Future[Sequence[str]]:
    future: Future[Sequence[str]] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(resolver(host, port))
        except Exception as error:
            future.set_exception(error)
        finally:
            _free.release()

    if not _free.acquire(blocking=False):
        raise OSError("too many names are looked up")
    Thread(target=run, name="authority-lookup", daemon=True).start()
    return future
