"""The parts that all conversions share."""

from collections.abc import Callable, Mapping
from typing import Final, NoReturn, TypeAlias

# A value as a driver or a parser returns it: also octets, moments and BSON's types.
Value: TypeAlias = object

# The wrappers of MongoDB's Extended JSON whose content is the value itself.
_WRAPPERS: Final = (
    "$oid",
    "$date",
    "$numberLong",
    "$numberInt",
    "$numberDouble",
    "$numberDecimal",
    "$uuid",
    "$symbol",
)
_NUMBERS: Final[Mapping[object, Callable[[str], object]]] = {
    "$numberInt": int,
    "$numberLong": int,
    "$numberDouble": float,
}


class ConversionError(Exception):
    """A value cannot be converted. The message is the reason, without the value."""


def refuse(reason: str) -> NoReturn:
    """Raise a ConversionError that hides the error with the value behind it."""
    raise ConversionError(reason) from None


def unwrapped(value: Value) -> Value:
    """Return the content of a wrapper of Extended JSON. Other values are unchanged."""
    # The exact type first: a check against an abstract class takes much longer.
    while type(value) is not str and isinstance(value, Mapping) and len(value) == 1:
        ((name, content),) = value.items()
        if name not in _WRAPPERS:
            break
        value = _number(name, content)
    return value


def _number(name: object, content: Value) -> Value:
    make = _NUMBERS.get(name)
    try:
        return make(content) if make and isinstance(content, str) else content
    except ValueError:
        return content
