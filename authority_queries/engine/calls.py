"""Types of the functions that execute queries, and locks, in both forms.

The synchronous twin of a module drops `Async` from its names, so this module has each
name with and without it.
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
