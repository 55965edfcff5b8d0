"""Errors for arguments, which name the argument and never its value."""

import re
from typing import Final

from authority_queries.engine.errors import InvalidArgumentError

# The most characters of a text and octets of a bytea or document, by default.
MAX_SIZE: Final = 1 << 20
LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def refusal(name: str, must: str) -> InvalidArgumentError:
    """Return the error for what an argument must be: `must have a time zone`."""
    return InvalidArgumentError(f"{name} {must}", argument=name)


def wrong_type(name: str, allowed: str, value: object) -> InvalidArgumentError:
    """Return the error for an argument of another type than allowed."""
    given = "None" if value is None else type(value).__name__
    return refusal(name, f"must be {allowed}, not {given}")


def require_type(name: str, allowed: str, value: object, kind: type) -> None:
    """Raise InvalidArgumentError unless an argument is of this class."""
    if not isinstance(value, kind):
        raise wrong_type(name, allowed, value)


def out_of_range(name: str, type_name: str) -> InvalidArgumentError:
    """Return the error for a number outside the range of its type."""
    return refusal(name, f"must be within the range of {type_name}")
