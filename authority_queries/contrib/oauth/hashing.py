"""Slow hashes: in a thread of their own for a caller in an event loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def hashed_async(function: Callable[[], Result]) -> Result:
    """Return the result of a function that hashes a password, or compares one.

    Argon2 takes tens of milliseconds, in which an event loop would answer nobody.
    """
    return await asyncio.to_thread(function)


def hashed(function: Callable[[], Result]) -> Result:
    """Return the result of the function, for a caller without an event loop."""
    return function()
