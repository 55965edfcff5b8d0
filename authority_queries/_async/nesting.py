"""One unit of work at a time: none is opened inside another."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from authority_queries.errors import NestedUnitError


@dataclass(slots=True, eq=False)
class _Open:
    """A unit, and the task or thread that is in it: None when it has left.

    And the process, as a forked child has inherited the unit and is in none.
    """

    owner: object
    process: int


_innermost: Final[ContextVar[_Open | None]] = ContextVar("authority_unit", default=None)


@asynccontextmanager
async def only_unit() -> AsyncIterator[None]:
    """Refuse the block inside another one of the same task or thread.

    A task that was started inside a unit inherits its context, and may outlive the
    unit: that is no nesting. Raises NestedUnitError.
    """
    outer = _innermost.get()
    owner = _owner()
    process = os.getpid()
    if outer is not None and outer.owner is owner and outer.process == process:
        message = "a unit of work is open here already: leave it before the next one"
        raise NestedUnitError(message)
    this = _Open(owner, process)
    try:
        # Inside, as an interrupt may come right after it.
        _innermost.set(this)
        yield
    finally:
        this.owner = None


def _owner() -> object:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return task or threading.current_thread()
