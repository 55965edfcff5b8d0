"""Sleeping, waking another task or thread, and pinging a server, in both forms."""

import asyncio
import time
from threading import Lock

from psycopg.pq import PGconn, Ping

__all__ = ["AsyncBell", "Bell", "pause", "pause_async", "ping", "ping_async"]

pause = time.sleep
pause_async = asyncio.sleep


class AsyncBell:
    """Wakes the one task that waits. An earlier ring ends the next wait at once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or at its next wait."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Wait for a ring, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()


class Bell:
    """Wakes the one thread that waits. An earlier ring ends the next wait at once.

    This is a bare lock: an interrupt can leave `threading.Event` locked forever.
    """

    def __init__(self) -> None:
        self._silence = Lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake the waiter, now or at its next wait."""
        try:
            self._silence.release()
        except RuntimeError:
            return  # already rung

    def wait(self, seconds: float) -> None:
        """Wait for a ring, at most `seconds`."""
        self._silence.acquire(timeout=seconds)


def ping(conninfo: str) -> Ping:
    """Return whether a server admits logins, without logging in."""
    return Ping(PGconn.ping(conninfo.encode()))


async def ping_async(conninfo: str) -> Ping:
    """Call `ping` in a thread, because libpq has only a blocking form."""
    return await asyncio.to_thread(ping, conninfo)
