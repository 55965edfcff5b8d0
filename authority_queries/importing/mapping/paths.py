"""Paths of fields in documents, such as `profile.emails.0`, and what none names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias, TypeGuard

from authority_queries.importing.conversions import Value, unwrapped

if TYPE_CHECKING:
    from authority_queries.importing.mapping.lookups import Lookups

# The steps to a field. That to an element of a list is its number.
Steps: TypeAlias = tuple[str, ...]
# The names of fields that rules have used, and below each those inside of it. No names
# below mean the whole field.
Used: TypeAlias = dict[str, "Used"]

_ANY: Final = "[]"
_STEP: Final = re.compile(r"(?:[^.\\]|\\.)+")


@dataclass(frozen=True, slots=True)
class FieldPath:
    """The path of a field. `is_inner` begins at an element of the list of `each`."""

    text: str
    steps: Steps
    is_inner: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """An element of an object. Rules name its parts `.key` and `.value`."""

    key: str
    value: Value


@dataclass(slots=True)
class Scope:
    """A document and, for an entry with `each`, an element and its path.

    `used` collects the fields that rules have read. `lookups` finds other documents.
    """

    document: Mapping[str, object]
    element: Value = None
    above: Steps = ()
    used: set[Steps] = field(default_factory=set)
    lookups: "Lookups | None" = None

    def find(self, path: FieldPath) -> Value:
        """Return the value of a field, which is used then. None: there is none."""
        start, steps, above = self._way(path)
        found = follow(start, steps)
        if found is not None and above is not None:
            self.used.add(above + steps)
        return found

    def look(self, path: FieldPath) -> Value:
        """Return the value of a field, and leave it to other rules."""
        start, steps, _ = self._way(path)
        return follow(start, steps)

    def _way(self, path: FieldPath) -> tuple[Value, Steps, Steps | None]:
        """Return where a path begins, its steps, and the path of where it begins."""
        if not path.is_inner:
            return self.document, path.steps, ()
        if not isinstance(self.element, Pair):
            return self.element, path.steps, self.above
        if path.steps[:1] == ("key",):
            return self.element.key, path.steps[1:], None  # its value is still left
        return self.element.value, path.steps[1:], self.above


def parse_path(text: str) -> FieldPath:
    r"""Parse a path. A dot in a name is written `\.`. Raises ValueError."""
    bare = text.removeprefix(".")
    steps = tuple(re.sub(r"\\(.)", r"\1", step) for step in _STEP.findall(bare))
    is_inner = text.startswith(".")
    if not (steps or text == ".") or ".." in text or text.endswith(("..", "\\")):
        message = f"{text!r} is no path"
        raise ValueError(message)
    return FieldPath(text, steps, is_inner)


def follow(value: Value, steps: Steps) -> Value:
    """Return what is at the end of a path, or None."""
    for step in steps:
        if type(value) is dict or isinstance(value, Mapping):
            value = value.get(step)
        elif _is_list(value) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def elements(value: Value, above: Steps) -> Iterator[tuple[Value, Steps]]:
    """Yield the elements of a list or an object, each with its path."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield Pair(key, inner), (*above, key)
    elif _is_list(value):
        for place, inner in enumerate(value):
            yield inner, (*above, str(place))
    elif value is not None:
        yield value, above


def is_absent(value: Value) -> bool:
    """Return whether a value says nothing."""
    return value is None or value in ({}, [])


def leftover(document: Mapping[str, object], used: set[Steps]) -> dict[str, object]:
    """Return what of a document no rule has used, in the same nesting."""
    found = _left_below(document, _tree(frozenset(used))) if used else document
    return dict(found) if isinstance(found, Mapping) else {}


def names_of(value: Value, above: str = "") -> Iterator[str]:
    """Yield the paths of the fields in a value. An element of a list is `[]`."""
    value = unwrapped(value)
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from names_of(inner, f"{above}.{name}" if above else str(name))
    elif _is_list(value) and any(isinstance(inner, Mapping) for inner in value):
        for inner in value:
            yield from names_of(inner, above + _ANY)
    else:
        yield above


@lru_cache(maxsize=4096)
def _tree(used: frozenset[Steps]) -> Used:
    tree: Used = {}
    for steps in sorted(used, key=len):
        below = tree
        for step in steps:
            if step in below and not below[step]:
                break
            below = below.setdefault(step, {})
    return tree


def _left(value: Value, used: Used, name: str) -> Value:
    below = used.get(name)
    if below is None:
        return None if is_absent(value) else value
    return _left_below(value, below) if below else None


def _left_below(value: Value, used: Used) -> Value:
    """Return what is left of a value of which these names are used, or None."""
    if type(value) is dict or isinstance(value, Mapping):
        pairs = ((name, _left(inner, used, name)) for name, inner in value.items())
        return {name: left for name, left in pairs if left is not None} or None
    if _is_list(value):
        items = (_left(inner, used, str(place)) for place, inner in enumerate(value))
        return [left for left in items if left is not None] or None
    return value


def _is_list(value: Value) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
