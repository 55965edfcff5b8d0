"""Waiting without a connection, in both forms."""

import asyncio
import time
from threading import Lock

from psycopg.pq import PGconn, Ping

__all__ = ["AsyncBell", "Bell", "pause", "pause_async", "ping", "ping_async"]

pause = time.sleep
pause_async = asyncio.sleep


class AsyncBell:
    """Wakes the one task that waits for it, at once if it was rung before."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake it."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Wait for the bell, but no longer than this."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()


class Bell:
    """Wakes the one thread that waits for it, at once if it was rung before.

    A lock, because an interrupt inside `threading.Event` can leave it locked for good.
    """

    def __init__(self) -> None:
        self._silence = Lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake it."""
        try:
            self._silence.release()
        except RuntimeError:
            return  # it rings already

    def wait(self, seconds: float) -> None:
        """Wait for the bell, but no longer than this."""
        self._silence.acquire(timeout=seconds)


def ping(conninfo: str) -> Ping:
    """Ask whether a server lets anybody in, without logging in."""
    return Ping(PGconn.ping(conninfo.encode()))


async def ping_async(conninfo: str) -> Ping:
    """Ask in a thread: libpq has only the blocking form."""
    return await asyncio.to_thread(ping, conninfo)
