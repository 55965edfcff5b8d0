"""Moments and durations."""

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from pydantic import TypeAdapter, ValidationError

from authority_queries.engine.checks import END_OF_MOMENTS, FIRST_MOMENT
from authority_queries.importing.conversions.base import Value, refuse, unwrapped

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DOTNET_EPOCH: Final = datetime(1, 1, 1, tzinfo=UTC)
_TICKS: Final = 10  # of .NET, in a microsecond
_MINUTE: Final = 600_000_000  # in ticks
# "d.hh:mm:ss.fffffff" of .NET, and "hh:mm:ss".
_DOTNET_DURATION: Final = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d{1,8})\.)?"
    r"(?P<hours>\d{1,2}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d(?:\.\d{1,7})?)"
)
_DURATION: Final = TypeAdapter(timedelta)
_BASIC_DATE: Final = 8  # characters of 20260131
_LONGEST: Final = 64


def moment(value: Value) -> datetime:
    """Convert ISO 8601 with a zone, a date of BSON, or a DateTimeOffset of .NET."""
    match value:
        case {"$date": {"$numberLong": content} | (int() as content)}:
            return epoch_milliseconds(content)
    value = unwrapped(value)
    match value:
        case datetime():
            # Drivers of MongoDB return moments in UTC, with or without a zone.
            return _checked(value if value.tzinfo else value.replace(tzinfo=UTC))
        case str():
            found = _parsed(value)
            if found.tzinfo is None:
                refuse("has no time zone: use utc_moment if it is in UTC")
            return _checked(found)
        case {"Ticks": ticks, "Offset": offset} | [ticks, offset]:
            # MongoDB's driver for .NET writes a DateTimeOffset so, in local time.
            return dotnet_ticks(_number(ticks) - _number(offset) * _MINUTE)
        case int() | float():
            refuse("is a number: use epoch_seconds, epoch_milliseconds, dotnet_ticks")
    return _of_bson(value)


def utc_moment(value: Value) -> datetime:
    """Convert as `moment`, and take a text without a zone as UTC."""
    value = unwrapped(value)
    if not isinstance(value, str):
        return moment(value)
    found = _parsed(value)
    return _checked(found if found.tzinfo else found.replace(tzinfo=UTC))


def epoch_seconds(value: Value) -> datetime:
    """Convert seconds since 1970, with or without a fraction."""
    return _since(_EPOCH, _number(value) * 1_000_000)


def epoch_milliseconds(value: Value) -> datetime:
    """Convert milliseconds since 1970."""
    return _since(_EPOCH, _number(value) * 1_000)


def dotnet_ticks(value: Value) -> datetime:
    """Convert ticks of .NET: units of 100 ns since the year 1, in UTC."""
    return _since(_DOTNET_EPOCH, _number(value) / _TICKS)


def object_id_moment(value: Value) -> datetime:
    """Convert an ObjectId to the moment that it contains, in seconds."""
    return epoch_seconds(int(_object_id(value)[:8], base=16))


def object_id_number(value: Value) -> int:
    """Convert an ObjectId to a number below 2**53 that grows with time.

    It has the seconds and the last 20 bits of the counter.
    """
    digits = _object_id(value)
    return int(digits[:8], base=16) << 20 | int(digits[-5:], base=16)


def day(value: Value) -> date:
    """Convert a date, or the date in UTC of a moment."""
    value = unwrapped(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and len(value) in (_BASIC_DATE, len("2026-01-31")):
        return _parsed(value).date()
    return moment(value).date()


def interval(value: Value) -> timedelta:
    """Convert seconds, an ISO 8601 duration, or a TimeSpan of .NET."""
    value = unwrapped(value)
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST:
        if match := _DOTNET_DURATION.fullmatch(value.strip()):
            return _dotnet_duration(match)
        if re.search("[PD:]", value, re.IGNORECASE):
            return _iso_duration(value.strip())
    try:
        return timedelta(microseconds=int(_number(value) * 1_000_000))
    except (OverflowError, ValueError):
        return refuse("is too long")


def _object_id(value: Value) -> str:
    text = str(unwrapped(value))
    if not re.fullmatch(r"[0-9a-fA-F]{24}", text):
        refuse("is no ObjectId")
    return text


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return refuse("is no moment of ISO 8601")


def _checked(found: datetime) -> datetime:
    try:
        found = found.astimezone(UTC)
    except OverflowError:
        refuse("is not from 1900 to 8999")
    if not FIRST_MOMENT <= found < END_OF_MOMENTS:
        refuse("is not from 1900 to 8999")
    return found


def _since(epoch: datetime, microseconds: Decimal) -> datetime:
    try:
        return _checked(epoch + timedelta(microseconds=math.floor(microseconds)))
    except (OverflowError, ValueError):
        return refuse("is not from 1900 to 8999")


def _number(value: Value) -> Decimal:
    value = unwrapped(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        refuse("is no number")
    text = str(value)
    try:
        number = Decimal(text if len(text) <= _LONGEST else "nan")
    except InvalidOperation:
        refuse("is no number")
    return number if number.is_finite() else refuse("is no number")


def _of_bson(value: Value) -> datetime:
    """Convert BSON's timestamp, and its date beyond the years of Python."""
    convert = getattr(value, "as_datetime", None)
    if convert is None:
        refuse("is no moment")
    try:
        found = convert()
    except (ValueError, OverflowError):
        refuse("is not from 1900 to 8999")
    return moment(found)


def _dotnet_duration(match: re.Match[str]) -> timedelta:
    found = timedelta(
        days=int(match["days"] or 0),
        hours=int(match["hours"]),
        minutes=int(match["minutes"]),
        microseconds=int(Decimal(match["seconds"]) * 1_000_000),
    )
    return -found if match["sign"] else found


def _iso_duration(text: str) -> timedelta:
    try:
        return _DURATION.validate_python(text)
    except ValidationError:
        return refuse("is no duration")
