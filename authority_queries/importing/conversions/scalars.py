"""Texts, numbers, lists and JSON."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.conversions.base import Value, refuse, unwrapped
from authority_queries.importing.conversions.times import moment

_BOOLEANS: Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_INTEGER: Final = re.compile(r"\s*[+-]?\d{1,18}(?:\.0+)?\s*", re.ASCII)
_MOST_EXACT: Final = 1 << 53  # of a float


def boolean(value: Value) -> bool:
    """Convert true and false, 1 and 0, yes and no, on and off, t and f, y and n."""
    value = unwrapped(value)
    if isinstance(value, bool | int | str):
        found = _BOOLEANS.get(str(value).strip().lower())
        if found is not None:
            return found
    return refuse("is no boolean")


def integer(value: Value) -> int:
    """Convert a whole number, also one that is a text or has the fraction .0."""
    value = unwrapped(value)
    match value:
        case bool():
            pass
        case int():
            return int(value)
        case float() if value.is_integer() and abs(value) <= _MOST_EXACT:
            return int(value)
        case _ if _INTEGER.fullmatch(str(value)):
            return int(str(value).partition(".")[0])
    return refuse("is no whole number")


def text(value: Value) -> str:
    """Convert a text, a number, a UUID or an ObjectId to a text."""
    if type(value) is str:  # most values
        return storable(value)
    return storable(raw_text(value))


def raw_text(value: Value) -> str:
    """Convert as `text`, also to a text that PostgreSQL cannot store."""
    value = unwrapped(value)
    match value:
        case str():
            return str(value)
        case bool() | None | bytes() | Mapping() | Sequence() | Set():
            return refuse("is no text")
        case datetime():
            return moment(value).isoformat()
    return str(value)


def lower(value: Value) -> str:
    """Convert to a text in small letters."""
    return text(value).lower()


def authority_role(value: Value) -> str:
    """Convert to the name of a role that may be one of this authority."""
    return text(value)


def stripped(value: Value) -> str:
    """Convert to a text without spaces at its ends."""
    return text(value).strip()


def text_list(value: Value, *, separator: str | None = None) -> tuple[str, ...]:
    """Convert a list, a list in JSON, or a text with a separator. Removes doubles.

    The separator " " is any white space.
    """
    return tuple(dict.fromkeys(map(text, list_items(value, separator=separator))))


def list_items(value: Value, *, separator: str | None = None) -> list[object]:
    """Return the items of what `text_list` converts, as they are."""
    value = unwrapped(value)
    if isinstance(value, str):
        return _split(value, separator)
    if isinstance(value, Mapping | bytes) or not isinstance(value, Sequence | Set):
        refuse("is no list")
    return list(value)


def parsed_json(value: Value) -> JsonValue:
    """Convert a text with JSON, or a value that is not a text, to JSON."""
    if not isinstance(value, str):
        return plain_json(value)
    try:
        found: JsonValue = json.loads(value)
    except (ValueError, RecursionError):
        return refuse("is no JSON")
    return plain_json(found)


def plain_json(value: Value) -> JsonValue:
    """Convert to JSON. Octets become base64, moments ISO 8601, all else texts."""
    match value:
        case {"$date": _}:
            return moment(value).isoformat()
        case Mapping():
            content = unwrapped(value)
            if content is not value:
                return plain_json(content)
            return {
                storable(str(name)): plain_json(item) for name, item in value.items()
            }
        case Sequence() | Set() if not isinstance(value, str | bytes):
            return [plain_json(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Value) -> JsonValue:
    match value:
        case None | bool():
            return value
        case int():
            return int(value)  # BSON has integers of its own
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case datetime():
            return moment(value).isoformat()
    return storable(str(value))


def json_object(value: Value) -> dict[str, JsonValue]:
    """Convert as `parsed_json`. The result must be an object."""
    found = parsed_json(value)
    return found if isinstance(found, dict) else refuse("is no JSON object")


def mapped(value: Value, *, values: Mapping[str, object]) -> object:
    """Convert a text to another value, by a table. The key "*" is any other text."""
    value = unwrapped(value)
    found = str(value).lower() if isinstance(value, bool) else text(value)
    found = found if found in values else "*"
    return values[found] if found in values else refuse("is none of the listed values")


def _split(value: str, separator: str | None) -> list[object]:
    if value.lstrip().startswith("["):
        found = parsed_json(value)
        return [*found] if isinstance(found, list) else refuse("is no list")
    if separator is None:
        refuse("is a text: the list needs a separator")
    parts = value.split(None if separator == " " else separator)
    return [part.strip() for part in parts if part.strip()]


def storable(value: str) -> str:
    """Refuse a text that PostgreSQL cannot store."""
    if "\0" in value:
        refuse("contains the character U+0000, which PostgreSQL cannot store")
    try:
        if not value.isascii():
            value.encode()
    except UnicodeEncodeError:
        refuse("contains half of a surrogate pair")
    return value
