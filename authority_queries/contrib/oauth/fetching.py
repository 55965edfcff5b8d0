"""HTTP requests that a provider sends to URLs of strangers."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from authority_queries.engine.json_types import JsonObject, JsonValue

# The draft of client metadata documents recommends this limit (section 6.6).
DOCUMENT_OCTETS: Final = 5120
_OK: Final = 200
_MAX_AGE: Final = re.compile(r'max-age="?([0-9]{1,9})"?')


class RefusedTargetError(OSError):
    """The rules forbid a request to a URL, or to an address of its host."""


class RefusedAnswerError(OSError):
    """An answer is too long, or of another kind than requested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A JSON document, and the time for which its server allows a cache."""

    document: JsonObject
    max_age: timedelta


class Sender(Protocol):
    """Sends requests to URLs of strangers: `Outgoing`, or a client of your own.

    It must follow no redirect, refuse private addresses and long answers, and raise
    OSError if there is no answer.
    """

    def fetch(self, url: str, *, most_octets: int = DOCUMENT_OCTETS) -> Fetched:
        """Return a JSON document."""
        ...

    def post(self, url: str, form: Mapping[str, str]) -> int:
        """Post a form, and return the status."""
        ...


class AsyncSender(Protocol):
    """Sends requests to URLs of strangers: `AsyncOutgoing`, or a client of your own.

    It must follow no redirect, refuse private addresses and long answers, and raise
    OSError if there is no answer.
    """

    async def fetch(self, url: str, *, most_octets: int = DOCUMENT_OCTETS) -> Fetched:
        """Return a JSON document."""
        ...

    async def post(self, url: str, form: Mapping[str, str]) -> int:
        """Post a form, and return the status."""
        ...


def read_fetched(
    status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> Fetched:
    """Return the document of an answer. Raises RefusedAnswerError."""
    if status != _OK:
        raise RefusedAnswerError(f"the status is {status}")
    try:
        document: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise RefusedAnswerError("the answer is not a JSON object")
    return Fetched(document=document, max_age=_max_age(headers))


def _max_age(headers: Sequence[tuple[bytes, bytes]]) -> timedelta:
    """Return the max-age of Cache-Control (RFC 9111 section 5.2.2), or zero."""
    values = [
        value.decode("latin-1").lower()
        for name, value in headers
        if name.lower() == b"cache-control"
    ]
    directives = [each.strip() for value in values for each in value.split(",")]
    if {"no-store", "no-cache"} & set(directives):
        return timedelta()
    found = [_MAX_AGE.fullmatch(each) for each in directives]
    seconds = [int(match[1]) for match in found if match]
    return timedelta(seconds=min(seconds, default=0))
