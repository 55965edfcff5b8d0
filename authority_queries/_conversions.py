"""Arguments as psycopg should send them: each with the type that PostgreSQL described.

Each function passes None on. A refusal names the parameter, never its value.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar, overload

from psycopg.types.json import Json, Jsonb
from psycopg.types.numeric import Float4, Float8, Int2, Int4, Int8

from authority_queries._json_types import JsonContent
from authority_queries.errors import InvalidArgumentError

Element = TypeVar("Element")

_LIMIT_OF_INT2: Final = 1 << 15
_LIMIT_OF_INT4: Final = 1 << 31
_LIMIT_OF_INT8: Final = 1 << 63


@overload
def int2(name: str, value: None) -> None: ...
@overload
def int2(name: str, value: int) -> Int2: ...
def int2(name: str, value: int | None) -> Int2 | None:
    """Send a smallint, whatever its size: psycopg would choose the type by value."""
    if value is None:
        return None
    if -_LIMIT_OF_INT2 <= value < _LIMIT_OF_INT2:
        return Int2(value)
    raise _out_of_range(name, "smallint")


@overload
def int4(name: str, value: None) -> None: ...
@overload
def int4(name: str, value: int) -> Int4: ...
def int4(name: str, value: int | None) -> Int4 | None:
    """Send an integer. psycopg itself would wrap one that is too large, silently."""
    if value is None:
        return None
    if -_LIMIT_OF_INT4 <= value < _LIMIT_OF_INT4:
        return Int4(value)
    raise _out_of_range(name, "integer")


@overload
def int8(name: str, value: None) -> None: ...
@overload
def int8(name: str, value: int) -> Int8: ...
def int8(name: str, value: int | None) -> Int8 | None:
    """Send a bigint."""
    if value is None:
        return None
    if -_LIMIT_OF_INT8 <= value < _LIMIT_OF_INT8:
        return Int8(value)
    raise _out_of_range(name, "bigint")


@overload
def float4(name: str, value: None) -> None: ...
@overload
def float4(name: str, value: float) -> Float4: ...
def float4(name: str, value: float | None) -> Float4 | None:
    """Send a real, also for an int."""
    return None if value is None else Float4(_float(name, value))


@overload
def float8(name: str, value: None) -> None: ...
@overload
def float8(name: str, value: float) -> Float8: ...
def float8(name: str, value: float | None) -> Float8 | None:
    """Send a double precision, also for an int."""
    return None if value is None else Float8(_float(name, value))


@overload
def array(name: str, values: None) -> None: ...
@overload
def array(name: str, values: Sequence[Element]) -> list[Element]: ...
def array(name: str, values: Sequence[Element] | None) -> list[Element] | None:
    """Send an array: psycopg takes only a list for one.

    A single string is refused: it would be an array of its letters.
    """
    if values is None:
        return None
    if isinstance(values, str | bytes | bytearray | memoryview):
        message = f"{name} is one string; a sequence of elements is allowed"
        raise InvalidArgumentError(message)
    return [*values]


@overload
def array_of_int2(name: str, values: None) -> None: ...
@overload
def array_of_int2(name: str, values: Sequence[int | None]) -> list[Int2 | None]: ...
def array_of_int2(
    name: str, values: Sequence[int | None] | None
) -> list[Int2 | None] | None:
    """Send smallint[], where psycopg would choose by the largest element."""
    sent = array(name, values)
    return None if sent is None else [int2(name, each) for each in sent]


@overload
def array_of_int4(name: str, values: None) -> None: ...
@overload
def array_of_int4(name: str, values: Sequence[int | None]) -> list[Int4 | None]: ...
def array_of_int4(
    name: str, values: Sequence[int | None] | None
) -> list[Int4 | None] | None:
    """Send integer[], where psycopg would choose by the largest element."""
    sent = array(name, values)
    return None if sent is None else [int4(name, each) for each in sent]


@overload
def array_of_int8(name: str, values: None) -> None: ...
@overload
def array_of_int8(name: str, values: Sequence[int | None]) -> list[Int8 | None]: ...
def array_of_int8(
    name: str, values: Sequence[int | None] | None
) -> list[Int8 | None] | None:
    """Send bigint[], where psycopg would choose by the largest element."""
    sent = array(name, values)
    return None if sent is None else [int8(name, each) for each in sent]


@overload
def aware(name: str, moment: None) -> None: ...
@overload
def aware(name: str, moment: datetime) -> datetime: ...
def aware(name: str, moment: datetime | None) -> datetime | None:
    """Send a timestamptz: a moment without a time zone would get the session's."""
    if moment is not None and moment.utcoffset() is None:
        message = f"{name} has no time zone; a datetime with tzinfo is allowed"
        raise InvalidArgumentError(message)
    return moment


@overload
def naive(name: str, moment: None) -> None: ...
@overload
def naive(name: str, moment: datetime) -> datetime: ...
def naive(name: str, moment: datetime | None) -> datetime | None:
    """Send a timestamp: one with a time zone would be moved to the session's."""
    if moment is not None and moment.tzinfo is not None:
        message = f"{name} has a time zone; a datetime without tzinfo is allowed"
        raise InvalidArgumentError(message)
    return moment


@overload
def json_value(value: None) -> None: ...
@overload
def json_value(value: JsonContent) -> Jsonb: ...
def json_value(value: JsonContent | None) -> Jsonb | None:
    """Send jsonb. None is SQL's null: JSON's own cannot be sent but inside."""
    return None if value is None else Jsonb(value)


@overload
def json_text(value: None) -> None: ...
@overload
def json_text(value: JsonContent) -> Json: ...
def json_text(value: JsonContent | None) -> Json | None:
    """Send json, which PostgreSQL keeps as the text it is. None is SQL's null."""
    return None if value is None else Json(value)


def _float(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        # Its int may be of any size; the cause would say no more.
        raise _out_of_range(name, "double precision") from None


def _out_of_range(name: str, type_name: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"{name} is outside the range of {type_name}")
