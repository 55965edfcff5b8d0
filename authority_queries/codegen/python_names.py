"""Names in Python: which ones are valid, and conversions of names in SQL."""

import builtins
import keyword
import re
from typing import Final

from authority_queries.codegen.facts import Origin

# Without `license` and `exit`, which the module site adds.
_BUILTINS: Final = frozenset(
    name
    for name, value in vars(builtins).items()
    if type(value).__module__ != "_sitebuiltins"
)
_SINGULARS: Final = (
    (re.compile(r"ies$"), "y"),
    (re.compile(r"(ss|x|z|ch|sh|status|alias|bus)es$"), r"\1"),
    (re.compile(r"(?<![su])s$"), ""),
)


def name_fault(name: str) -> str | None:
    """Return the fault of a name, or None.

    Only ASCII is valid: Python normalises other letters in keyword arguments.
    """
    if not (name.isascii() and name.isidentifier()):
        return "is no Python name of ASCII letters, digits and _"
    if keyword.iskeyword(name):
        return "is a keyword of Python"
    return None


def public_name_fault(name: str) -> str | None:
    """Return why a name cannot be public in a module or package, or None."""
    if name.startswith("_"):
        return "begins with _, like private names"
    return name_fault(name)


def function_name_fault(name: str) -> str | None:
    """Return why no function can have this name, or None.

    A builtin is refused: annotations of the module's other functions may use it.
    """
    if name in _BUILTINS:
        return "is a builtin of Python"
    return public_name_fault(name)


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
