"""How an argument is refused: by its name, and without its value."""

import re
from typing import Final

from authority_queries.engine.errors import InvalidArgumentError

# Characters of a text, octets, and octets of a document, where nothing says less.
MAX_SIZE: Final = 1 << 20
LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def refusal(name: str, must: str) -> InvalidArgumentError:
    """Say what an argument must be, such as `must have a time zone`."""
    return InvalidArgumentError(f"{name} {must}", argument=name)


def wrong_type(name: str, allowed: str, value: object) -> InvalidArgumentError:
    """Say which type an argument must have, and which it has."""
    given = "None" if value is None else type(value).__name__
    return refusal(name, f"must be {allowed}, not {given}")


def out_of_range(name: str, type_name: str) -> InvalidArgumentError:
    """Say that a number is too large, either way."""
    return refusal(name, f"must be within the range of {type_name}")
