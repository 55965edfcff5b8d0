"""Checks of moments, dates and durations."""

import datetime as dt
from typing import Final

from authority_queries.engine.refusals import refusal, wrong_type

# The schema's checks have the same. Python can load any sum of such values.
FIRST_MOMENT: Final = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
END_OF_MOMENTS: Final = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
LONGEST: Final = dt.timedelta(days=36_525)

_MICROSECOND: Final = dt.timedelta(microseconds=1)


def moment(name: str, value: object) -> dt.datetime:
    """Check a timestamptz. A datetime without tzinfo would get the session's zone."""
    if not isinstance(value, dt.datetime):
        raise wrong_type(name, "a datetime", value)
    if value.utcoffset() is None:
        raise refusal(name, "must have a time zone (tzinfo)")
    if not FIRST_MOMENT <= value < END_OF_MOMENTS:
        raise refusal(name, "must be from 1900-01-01 to before 9000-01-01, UTC")
    return value


def local_moment(name: str, value: object) -> dt.datetime:
    """Check a timestamp. One with tzinfo would be converted to the session's zone."""
    if not isinstance(value, dt.datetime):
        raise wrong_type(name, "a datetime", value)
    if value.tzinfo is not None:
        raise refusal(name, "must have no time zone (tzinfo)")
    return value


def date(name: str, value: object) -> dt.date:
    """Check a date. A datetime is refused, though Python's class inherits from date."""
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise wrong_type(name, "a date", value)
    return value


def time(name: str, value: object) -> dt.time:
    """Check a time of day."""
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
    """Return an interval in microseconds, as a text whose type PostgreSQL infers.

    psycopg would send days. A PostgreSQL day has 23 or 25 hours at a change of clocks
    in the session's time zone.
    """
    return f"{exact_duration(name, value) // _MICROSECOND} microseconds"
