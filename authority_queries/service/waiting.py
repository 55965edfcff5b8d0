"""Sleeping, waking, work beside the caller, and pinging a server, in both forms."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextvars import Context
from threading import Lock, Thread

from psycopg.pq import PGconn, Ping

__all__ = [
    "AsyncBell",
    "AsyncWorker",
    "Bell",
    "Worker",
    "pause",
    "pause_async",
    "ping",
    "ping_async",
]

_FAREWELL = 1.0  # seconds for a thread to end

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


class AsyncWorker:
    """Runs a function in a task, without the context of the caller."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._process = os.getpid()

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Start the function."""

        async def run() -> None:
            await work()

        loop = asyncio.get_running_loop()
        self._task = loop.create_task(run(), context=Context())
        self._process = os.getpid()

    async def stop(self) -> None:
        """Cancel the function, and wait for its end."""
        task, self._task = self._task, None
        if task is not None and self._process == os.getpid():
            task.cancel()
            await asyncio.wait([task])


class Worker:
    """Runs a function in a daemon thread, without the context of the caller."""

    def __init__(self) -> None:
        self._thread: Thread | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Start the function."""
        name = "authority-verifier"
        self._thread = Thread(
            target=Context().run, args=(work,), name=name, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Wait for the end of the function, which was told to end, a moment."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_FAREWELL)


def ping(conninfo: str) -> Ping:
    """Return whether a server admits logins, without logging in."""
    return Ping(PGconn.ping(conninfo.encode()))


async def ping_async(conninfo: str) -> Ping:
    """Call `ping` in a thread, because libpq has only a blocking form."""
    return await asyncio.to_thread(ping, conninfo)
