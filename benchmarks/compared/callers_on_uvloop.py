"""As benchmarks.compared.callers, on the event loop of uvloop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from benchmarks.compared import callers
from benchmarks.compared.authority import Given
from benchmarks.compared.workload import Runs


@contextmanager
def connected(database: str, given: Given) -> Iterator[Runs]:
    """Connect, and yield the measured calls."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    with callers.connected(database, given) as runs:
        yield runs
