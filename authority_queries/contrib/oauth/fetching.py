"""HTTP requests that a provider sends, by a client of your choice.

Each follows no redirect and waits for some seconds at most. It raises OSError if nobody
answers.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from authority_queries.engine.json_types import JsonObject

# Posts a form to a URL, and returns the status.
Post: TypeAlias = Callable[[str, Mapping[str, str]], int]
AsyncPost: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A JSON document, and for how long its server lets it be cached."""

    document: JsonObject
    max_age: timedelta


# Gets a document. It must refuse private addresses and documents of more than 5 KB: the
# URL is a stranger's.
Fetch: TypeAlias = Callable[[str], Fetched]
AsyncFetch: TypeAlias = Callable[[str], Awaitable[Fetched]]
