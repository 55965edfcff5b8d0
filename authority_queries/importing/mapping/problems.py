"""The problems of a mapping file, with their lines."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import ValidationError

from authority_queries.errors import ConfigurationError
from authority_queries.importing.refusals import words_of

Location: TypeAlias = tuple[str | int, ...]

_HEADER: Final = re.compile(r"\s*\[(\[?)\s*(.*?)\s*\]\]?\s*(?:#.*)?$")
_UNKNOWN: Final = "is no key of a mapping file"
_BARE: Final = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_KEY: Final = re.compile(rf"\s*({_BARE}(?:\s*\.\s*{_BARE})*)\s*=")
_NAME: Final = re.compile(_BARE)


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, and the keys that lead to it."""

    location: Location
    reason: str


class Problems(list[Problem]):
    """The problems so far. `collections` are those with a section."""

    def __init__(self, collections: Iterable[str] = ()) -> None:
        super().__init__()
        self.collections = frozenset(collections)


def problems_of(error: ValidationError, at: Location) -> list[Problem]:
    """Return the errors of pydantic, in the words of a mapping file."""
    found = error.errors(include_url=False, include_input=False)
    return [
        Problem(
            (*at, *each["loc"]),
            _UNKNOWN
            if each["type"] == "extra_forbidden"
            else words_of(each["type"], each["msg"]),
        )
        for each in found
    ]


def refuse_file(
    path: Path, text: str, problems: Sequence[Problem]
) -> ConfigurationError:
    """Return an error with a line for each problem."""
    found = _locations(text)
    lines = []
    for problem in problems:
        number = _line_of(problem.location, found)
        place = f", line {number}" if number else ""
        lines.append(f"{path}{place}: {_written(problem.location)}: {problem.reason}")
    return ConfigurationError("the mapping has errors:\n" + "\n".join(lines))


def _written(location: Location) -> str:
    """Return the keys as `collections.users.entries[0].username`."""
    parts = [f"[{key}]" if isinstance(key, int) else f".{key}" for key in location]
    return "".join(parts).removeprefix(".")


def _line_of(location: Location, found: dict[Location, int]) -> int | None:
    """Return the line of the deepest of these keys that has a line of its own."""
    for length in range(len(location), 0, -1):
        if location[:length] in found:
            return found[location[:length]]
    return None


def _locations(text: str) -> dict[Location, int]:
    """Return the line on which each key begins. Keys inside of values are left out."""
    found: dict[Location, int] = {}
    section: Location = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = _section(_names(header[2]), found, is_list=bool(header[1]))
            found.setdefault(section, number)
        elif key := _KEY.match(line):
            names = _names(key[1])
            for length in range(1, len(names) + 1):
                found.setdefault(section + names[:length], number)
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in _NAME.findall(text))


def _section(
    names: tuple[str, ...], found: dict[Location, int], *, is_list: bool
) -> Location:
    """Return the keys of a header, with the number of each table of a list."""
    section: Location = ()
    for depth, name in enumerate(names, start=1):
        section += (name,)
        count = _count(section, found)
        if depth == len(names) and is_list:
            return (*section, count)
        if count:
            section += (count - 1,)
    return section


def _count(section: Location, found: dict[Location, int]) -> int:
    count = 0
    while (*section, count) in found:
        count += 1
    return count
