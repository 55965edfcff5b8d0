"""Hashes of passwords and chosen secrets, outside the event loop.

Argon2 computes for tens of milliseconds, in which a loop would serve nobody else.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def compute(
    function: Callable[_Arguments, _Result],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Result:
    """Return what the function returns. This is the twin of `compute_async`."""
    return function(*args, **kwargs)


async def compute_async(
    function: Callable[_Arguments, _Result],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Result:
    """Return what the function returns, in a thread."""
    return await asyncio.to_thread(function, *args, **kwargs)
