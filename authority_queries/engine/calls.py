"""The types of what a query file gives, functions that take a connection first; locks.

Asynchronous and blocking forms stand side by side here, because the blocking twin of
a module is made by dropping `Async` from its names.
"""

from asyncio import Lock as AsyncLock
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from threading import Lock
from typing import TypeAlias, TypeVar

__all__ = [
    "AsyncBlock",
    "AsyncCall",
    "AsyncEntered",
    "AsyncLock",
    "AsyncStream",
    "Block",
    "Call",
    "Entered",
    "Lock",
    "Stream",
]

Result = TypeVar("Result")
Item = TypeVar("Item")

Call: TypeAlias = Callable[..., Result]
AsyncCall: TypeAlias = Callable[..., Awaitable[Result]]

Block: TypeAlias = Callable[..., AbstractContextManager[Result]]
AsyncBlock: TypeAlias = Callable[..., AbstractAsyncContextManager[Result]]

Entered: TypeAlias = AbstractContextManager[Result]
AsyncEntered: TypeAlias = AbstractAsyncContextManager[Result]

Stream: TypeAlias = AbstractContextManager[Iterator[Item]]
AsyncStream: TypeAlias = AbstractAsyncContextManager[AsyncIterator[Item]]
