"""Checks of moments, dates and durations."""

import datetime as dt
from typing import Final

from authority_queries.engine.refusals import refusal, wrong_type

# As the schema's checks have them: sums of what is within them can be read.
FIRST_MOMENT: Final = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
END_OF_MOMENTS: Final = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
LONGEST: Final = dt.timedelta(days=36_525)

_MICROSECOND: Final = dt.timedelta(microseconds=1)


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
