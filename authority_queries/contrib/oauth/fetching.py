"""HTTP requests that a provider sends, by a client of your choice."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

# Posts a form to a URL, and returns the status. Raises OSError if nobody answers.
Post: TypeAlias = Callable[[str, Mapping[str, str]], int]
AsyncPost: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[int]]
