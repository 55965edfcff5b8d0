"""Checks of single values: numbers, texts, octets, addresses."""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Protocol, TypeAlias, TypeVar
from uuid import UUID

from psycopg.types.numeric import Int2, Int4, Int8

from authority_queries.engine.refusals import (
    LONE_SURROGATE,
    MAX_SIZE,
    out_of_range,
    refusal,
    wrong_type,
)

Sent = TypeVar("Sent")
Check: TypeAlias = Callable[[str, object], Sent]


def anything(_name: str, value: object) -> object:
    """Return the value unchecked: only psycopg knows the type."""
    return value


def instance(type_: type[Sent]) -> Check[Sent]:
    """Return the check of a class, such as a range."""

    def check(name: str, value: object) -> Sent:
        if not isinstance(value, type_):
            raise wrong_type(name, f"a {type_.__name__}", value)
        return value

    return check


class _Model(Protocol):
    def model_dump(self, *, mode: str, by_alias: bool) -> object: ...


def declared(type_: type[Enum | _Model], check: Check[Sent]) -> Check[Sent]:
    """Make the check of a type of `@type`: an Enum's value or a model's document."""

    def check_content(name: str, value: object) -> Sent:
        if not isinstance(value, type_):
            raise wrong_type(name, f"a {type_.__name__}", value)
        if isinstance(value, Enum):
            return check(name, value.value)
        return check(name, value.model_dump(mode="json", by_alias=True))

    return check_content


def optional(check: Check[Sent]) -> Check[Sent | None]:
    """Return the check that also accepts None."""

    def check_or_none(name: str, value: object) -> Sent | None:
        return None if value is None else check(name, value)

    return check_or_none


def uuid(name: str, value: object) -> UUID:
    """Check a uuid. A str is refused: the caller parses it."""
    if not isinstance(value, UUID):
        raise wrong_type(name, "a UUID", value)
    return value


def boolean(name: str, value: object) -> bool:
    """Check a boolean."""
    if not isinstance(value, bool):
        raise wrong_type(name, "a bool", value)
    return value


def text(least: int = 0, most: int = MAX_SIZE) -> Check[str]:
    """Return the check of a text of this length that PostgreSQL can store."""

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
    """Return the check of a text that is one of these."""
    allowed = ", ".join(map(repr, texts))

    def check(name: str, value: object) -> str:
        if not isinstance(value, str):
            raise wrong_type(name, f"one of {allowed}", value)
        if value not in texts:
            raise refusal(name, f"must be one of {allowed}")
        return value

    return check


def octets(least: int = 0, most: int = MAX_SIZE) -> Check[bytes]:
    """Return the check of a bytea of this length."""

    def check(name: str, value: object) -> bytes:
        if not isinstance(value, bytes):
            raise wrong_type(name, "bytes", value)
        if not least <= len(value) <= most:
            raise refusal(name, f"must have {_range(least, most)} octets")
        return value

    return check


def int2(name: str, value: object) -> Int2:
    """Return an Int2. psycopg would choose the type by the value's size."""
    return Int2(_whole(name, value, 15, "smallint"))


def int4(name: str, value: object) -> Int4:
    """Return an Int4. psycopg would silently wrap an integer that is too large."""
    return Int4(_whole(name, value, 31, "integer"))


def int8(name: str, value: object) -> Int8:
    """Return an Int8."""
    return Int8(_whole(name, value, 63, "bigint"))


def _whole(name: str, value: object, bits: int, type_name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, "an int", value)
    if not -(1 << bits) <= value < 1 << bits:
        raise out_of_range(name, type_name)
    return value


def real(name: str, value: object) -> float:
    """Return a float. psycopg would send an int as an integer."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_type(name, "a float", value)
    try:
        return float(value)
    except OverflowError:
        # Python's error would not say more.
        raise out_of_range(name, "double precision") from None


def number(name: str, value: object) -> Decimal | int:
    """Check a numeric."""
    if not isinstance(value, Decimal | int) or isinstance(value, bool):
        raise wrong_type(name, "a Decimal", value)
    return value


def address(name: str, value: object) -> IPv4Address | IPv6Address:
    """Check an inet, and remove the zone of an IPv6 address: inet has none.

    A zone is a node's own name of a link (RFC 4007 section 6).
    """
    if not isinstance(value, IPv4Address | IPv6Address):
        raise wrong_type(name, "an IPv4Address or IPv6Address", value)
    if isinstance(value, IPv6Address) and value.scope_id is not None:
        if isinstance(value, IPv6Interface):
            return IPv6Interface((int(value), value.network.prefixlen))
        return IPv6Address(int(value))
    return value


def network(name: str, value: object) -> IPv4Network | IPv6Network:
    """Check a cidr."""
    if not isinstance(value, IPv4Network | IPv6Network):
        raise wrong_type(name, "an IPv4Network or IPv6Network", value)
    return value


def _range(least: int, most: int) -> str:
    if least == most:
        return str(most)
    return f"{least} to {most}" if least else f"at most {most}"
