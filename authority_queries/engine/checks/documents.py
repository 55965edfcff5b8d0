"""Checks of JSON documents: bounded, and valid for every JSON parser."""

import json as standard
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from psycopg.types.json import Json, Jsonb

from authority_queries.engine.refusals import (
    LONE_SURROGATE,
    MAX_SIZE,
    refusal,
    wrong_type,
)

# authority.is_bounded_json has the same limit, and 65,536 octets.
MAX_DEPTH: Final = 32
_MAX_BITS: Final = 1024

_KINDS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "object": ((Mapping,), "a dict"),
    "array": ((Sequence,), "a list"),
    "": ((Mapping, Sequence, int, float), "a JSON value"),
}
Sent = TypeVar("Sent")


def jsonb(kind: str = "", most: int = MAX_SIZE) -> Callable[[str, object], Jsonb]:
    """Return the check of a jsonb: an object, an array, or any value but null.

    A top-level None is SQL's null. JSON's null can only be sent inside a document.
    """
    return _checked(kind, most, lambda text: Jsonb(text, dumps=_as_it_is))


def json(kind: str = "", most: int = MAX_SIZE) -> Callable[[str, object], Json]:
    """Return the check of a json, whose text PostgreSQL stores unchanged."""
    return _checked(kind, most, lambda text: Json(text, dumps=_as_it_is))


def _checked(
    kind: str, most: int, make: Callable[[str], Sent]
) -> Callable[[str, object], Sent]:
    types, allowed = _KINDS[kind]

    def check(name: str, value: object) -> Sent:
        if not isinstance(value, types) or (kind and isinstance(value, str)):
            raise wrong_type(name, allowed, value)
        _check_within(name, value, most)
        text = _encode(value)
        if len(text.encode()) > most:
            raise _too_large(name, most)
        return make(text)

    return check


def _check_within(name: str, value: object, most: int) -> None:
    """Check all values, one level at a time, without recursion."""
    level: list[object] = [value]
    count = 0
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for item in level:
            if type(item) is str:
                _check_text(name, item)
            else:
                below += _checked_parts(name, item)
        count += len(below)
        if count > most:
            raise _too_large(name, most)
        if not below:
            return
        level = below
    raise refusal(name, f"must be nested in at most {MAX_DEPTH} levels")


def _checked_parts(name: str, item: object) -> list[object]:
    match item:
        case str():
            _check_text(name, item)
        case float() if math.isfinite(item):
            pass
        case int() if item.bit_length() <= _MAX_BITS:
            pass
        case int() | float():
            raise refusal(name, "must have numbers in the range of double precision")
        case Mapping():
            for key in item:
                if not isinstance(key, str):
                    raise refusal(name, "must have keys of str only")
                _check_text(name, key)
            return [*item.values()]
        case Sequence() if not isinstance(item, bytes | bytearray | memoryview):
            return [*item]
        case None:
            pass
        case _:
            raise refusal(name, f"must not contain a {type(item).__name__}")
    return []


def _check_text(name: str, text: str) -> None:
    if "\0" in text:
        raise refusal(name, "must not contain a NUL character")
    if not text.isascii() and LONE_SURROGATE.search(text):
        raise refusal(name, "must not contain a lone surrogate")


def _too_large(name: str, most: int) -> Exception:
    return refusal(name, f"must have at most {most} octets as JSON")


def _plain(item: Mapping[str, object] | Sequence[object]) -> object:
    return {**item} if isinstance(item, Mapping) else [*item]


# Made once: `json.dumps` with options makes an encoder for each document.
_encode: Final = standard.JSONEncoder(ensure_ascii=False, default=_plain).encode


def _as_it_is(text: str) -> str:
    return text
