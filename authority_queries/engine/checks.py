"""Checks of arguments: each returns what psycopg should send, or refuses the value.

A check takes an argument's name and value. Generated modules name one for each
parameter of a query, from its type and from what its column's check allows. Raises
InvalidArgumentError, which names the argument and never repeats the value.
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from psycopg.types.numeric import Int2, Int4, Int8

from authority_queries.engine.errors import InvalidArgumentError
from authority_queries.engine.json_documents import json, jsonb
from authority_queries.engine.refusals import (
    LONE_SURROGATE,
    MAX_SIZE,
    out_of_range,
    refusal,
    wrong_type,
)

__all__ = [
    "Check",
    "address",
    "anything",
    "array",
    "boolean",
    "date",
    "duration",
    "exact_duration",
    "instance",
    "int2",
    "int4",
    "int8",
    "json",
    "jsonb",
    "local_moment",
    "moment",
    "network",
    "number",
    "octets",
    "one_of",
    "optional",
    "real",
    "scope_list",
    "text",
    "text_list",
    "time",
    "uuid",
]

Sent = TypeVar("Sent")
Check: TypeAlias = Callable[[str, object], Sent]

# As the schema's checks have them: sums of what is within them can be read.
FIRST_MOMENT: Final = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
END_OF_MOMENTS: Final = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
LONGEST: Final = dt.timedelta(days=36_525)

_MICROSECOND: Final = dt.timedelta(microseconds=1)
_MAX_ELEMENTS: Final = 10_000
_MAX_SCOPES: Final = 100
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")


def anything(_name: str, value: object) -> object:
    """Pass on what only psycopg knows."""
    return value


def instance(type_: type[Sent]) -> Check[Sent]:
    """Make the check of a class, such as a named tuple or a range."""

    def check(name: str, value: object) -> Sent:
        if not isinstance(value, type_):
            raise wrong_type(name, f"a {type_.__name__}", value)
        return value

    return check


def optional(check: Check[Sent]) -> Check[Sent | None]:
    """Make the check that also takes None."""

    def check_or_none(name: str, value: object) -> Sent | None:
        return None if value is None else check(name, value)

    return check_or_none


def uuid(name: str, value: object) -> UUID:
    """Send a uuid. A text that is one is not parsed: parsing is the caller's."""
    if not isinstance(value, UUID):
        raise wrong_type(name, "a UUID", value)
    return value


def boolean(name: str, value: object) -> bool:
    """Send a boolean."""
    if not isinstance(value, bool):
        raise wrong_type(name, "a bool", value)
    return value


def text(least: int = 0, most: int = MAX_SIZE) -> Check[str]:
    """Make the check of a text with so many characters, all of which can be stored."""

    def check(name: str, value: object) -> str:
        if not isinstance(value, str):
            raise wrong_type(name, "a str", value)
        if not least <= len(value) <= most:
            raise refusal(name, f"must have {_range(least, most)} characters")
        if "\0" in value:
            raise refusal(name, "must not contain a NUL character")
        if not value.isascii() and LONE_SURROGATE.search(value):
            raise refusal(name, "must not contain a lone surrogate")
        return value

    return check


def one_of(*texts: str) -> Check[str]:
    """Make the check of a text that is one of these."""
    allowed = ", ".join(map(repr, texts))

    def check(name: str, value: object) -> str:
        if not isinstance(value, str):
            raise wrong_type(name, f"one of {allowed}", value)
        if value not in texts:
            raise refusal(name, f"must be one of {allowed}")
        return value

    return check


def octets(least: int = 0, most: int = MAX_SIZE) -> Check[bytes]:
    """Make the check of so many octets."""

    def check(name: str, value: object) -> bytes:
        if not isinstance(value, bytes):
            raise wrong_type(name, "bytes", value)
        if not least <= len(value) <= most:
            raise refusal(name, f"must have {_range(least, most)} octets")
        return value

    return check


def int2(name: str, value: object) -> Int2:
    """Send a smallint, whatever its size: psycopg would choose the type by value."""
    return Int2(_whole(name, value, 15, "smallint"))


def int4(name: str, value: object) -> Int4:
    """Send an integer. psycopg itself would wrap one that is too large, silently."""
    return Int4(_whole(name, value, 31, "integer"))


def int8(name: str, value: object) -> Int8:
    """Send a bigint."""
    return Int8(_whole(name, value, 63, "bigint"))


def _whole(name: str, value: object, bits: int, type_name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, "an int", value)
    if not -(1 << bits) <= value < 1 << bits:
        raise out_of_range(name, type_name)
    return value


def real(name: str, value: object) -> float:
    """Send a double precision, also for an int, which psycopg would send as one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_type(name, "a float", value)
    try:
        return float(value)
    except OverflowError:
        # Its int may be of any size; the cause would say no more.
        raise out_of_range(name, "double precision") from None


def number(name: str, value: object) -> Decimal | int:
    """Send a numeric."""
    if not isinstance(value, Decimal | int) or isinstance(value, bool):
        raise wrong_type(name, "a Decimal", value)
    return value


def moment(name: str, value: object) -> dt.datetime:
    """Send a timestamptz: a moment without a time zone would get the session's."""
    if not isinstance(value, dt.datetime):
        raise wrong_type(name, "a datetime", value)
    if value.utcoffset() is None:
        raise refusal(name, "must have a time zone (tzinfo)")
    if not FIRST_MOMENT <= value < END_OF_MOMENTS:
        raise refusal(name, "must be from 1900-01-01 to before 9000-01-01, UTC")
    return value


def local_moment(name: str, value: object) -> dt.datetime:
    """Send a timestamp: one with a time zone would be moved to the session's."""
    if not isinstance(value, dt.datetime):
        raise wrong_type(name, "a datetime", value)
    if value.tzinfo is not None:
        raise refusal(name, "must have no time zone (tzinfo)")
    return value


def date(name: str, value: object) -> dt.date:
    """Send a date. A datetime is none, though Python says so."""
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise wrong_type(name, "a date", value)
    return value


def time(name: str, value: object) -> dt.time:
    """Send a time of day."""
    if not isinstance(value, dt.time):
        raise wrong_type(name, "a time", value)
    return value


def exact_duration(name: str, value: object) -> dt.timedelta:
    """Return a duration of up to 36,525 days, either way."""
    if not isinstance(value, dt.timedelta):
        raise wrong_type(name, "a timedelta", value)
    if abs(value) > LONGEST:
        raise refusal(name, f"must be at most {LONGEST.days} days")
    return value


def duration(name: str, value: object) -> str:
    """Send an interval in microseconds, as a text, which has PostgreSQL infer its type.

    psycopg would send days: a day over a change of clocks has 23 or 25 hours in
    PostgreSQL, by the session's time zone.
    """
    return f"{exact_duration(name, value) // _MICROSECOND} microseconds"


def address(name: str, value: object) -> IPv4Address | IPv6Address:
    """Send an inet."""
    if not isinstance(value, IPv4Address | IPv6Address):
        raise wrong_type(name, "an IPv4Address or IPv6Address", value)
    if isinstance(value, IPv6Address) and value.scope_id is not None:
        raise refusal(name, "must have no scope (`%` and a zone)")
    return value


def network(name: str, value: object) -> IPv4Network | IPv6Network:
    """Send a cidr."""
    if not isinstance(value, IPv4Network | IPv6Network):
        raise wrong_type(name, "an IPv4Network or IPv6Network", value)
    return value


def array(element: Check[Sent], most: int = _MAX_ELEMENTS) -> Check[list[Sent]]:
    """Make the check of a sequence: psycopg takes only a list for an array."""

    def check(name: str, value: object) -> list[Sent]:
        # A single string would be an array of its letters.
        if isinstance(value, str | bytes | bytearray | memoryview) or not isinstance(
            value, Sequence
        ):
            raise wrong_type(name, "a sequence", value)
        if len(value) > most:
            raise refusal(name, f"must have at most {most} elements")
        try:
            return [element(name, each) for each in value]
        except InvalidArgumentError as error:
            message = f"an element of {error}"
            raise InvalidArgumentError(message, argument=name) from None

    return check


def text_list(most: int, longest: int) -> Check[list[str]]:
    """Make the check of texts that are not empty, each once."""
    texts = array(text(1, longest), most)

    def check(name: str, value: object) -> list[str]:
        found = texts(name, value)
        if len({*found}) < len(found):
            raise refusal(name, "must have each element once")
        return found

    return check


_texts: Final = array(text())


def scope_list(name: str, value: object) -> list[str]:
    """Send scopes (RFC 6749 section 3.3), each once."""
    scopes = [*dict.fromkeys(_texts(name, value))]
    if len(scopes) > _MAX_SCOPES:
        raise refusal(name, f"must have at most {_MAX_SCOPES} scopes")
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        message = "must hold scope-tokens (RFC 6749 section 3.3) of 1 to 255 characters"
        raise refusal(name, message)
    return scopes


def _range(least: int, most: int) -> str:
    if least == most:
        return str(most)
    return f"{least} to {most}" if least else f"at most {most}"
