"""Which names of files, queries and parameters Python code can be made of."""

import builtins
import keyword
from typing import Final

# Not `license` and `exit`, which the module site adds: they are not the language's.
_BUILTINS: Final = frozenset(
    name
    for name, value in vars(builtins).items()
    if type(value).__module__ != "_sitebuiltins"
)


def name_fault(name: str) -> str | None:
    """Say what is wrong with a name, or give None.

    Only ASCII: Python normalises other letters in keyword arguments, SQL does not.
    """
    if not (name.isascii() and name.isidentifier()):
        return "is no Python name of ASCII letters, digits and _"
    if keyword.iskeyword(name):
        return "is a keyword of Python"
    return None


def public_name_fault(name: str) -> str | None:
    """Say why a name cannot be a public one of a module or package, or give None."""
    if name.startswith("_"):
        return "begins with _, as what is private in Python does"
    return name_fault(name)


def function_name_fault(name: str) -> str | None:
    """Say why no function can have this name, or give None.

    No builtin: the annotations of the module's other functions are in need of it.
    """
    if name in _BUILTINS:
        return "is a builtin of Python"
    return public_name_fault(name)
