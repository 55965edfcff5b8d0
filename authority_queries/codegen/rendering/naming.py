"""Names of Python things made of names of SQL things."""

import re
from typing import Final

from authority_queries.codegen.model import Origin

_SINGULARS: Final = (
    (re.compile(r"ies$"), "y"),
    (re.compile(r"(ss|x|z|ch|sh|status|alias|bus)es$"), r"\1"),
    (re.compile(r"(?<![su])s$"), ""),
)


def cap_words(name: str) -> str:
    """Turn `login_attempts` into `LoginAttempts`."""
    return "".join(
        word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name)
    )


def singular(name: str) -> str:
    """Turn `login_attempts` into `login_attempt`, `statuses` into `status`."""
    for ending, replacement in _SINGULARS:
        changed, count = ending.subn(replacement, name)
        if count:
            return changed
    return name


def values_name(origin: Origin) -> str:
    """Name the values of a column: `UserStatus`, or `ClientType` for a client_type."""
    row = singular(origin.table)
    column = origin.column
    return cap_words(column if column.startswith(f"{row}_") else f"{row}_{column}")
