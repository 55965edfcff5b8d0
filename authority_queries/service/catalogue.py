"""The objects in the schema authority: as PostgreSQL has them, and as the release."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from authority_queries.resources import CATALOGUE

EXPECTED: Final = CATALOGUE / "expected.json"

# A name of an object, such as `table authority.users`, to the lines that describe it.
Catalogue = Mapping[str, frozenset[str]]

# The only relation of a view.
_ONLY_SOURCE: Final = re.compile(
    r"^   FROM (?:(?:authority\.)?(?P<table>\w+)(?=;|$)"
    r"|\( SELECT (?s:.*)\) (?P<query>\w+);\Z)",
    re.M,
)
_ON_COLUMNS: Final = re.compile(r"^(\w+: [a-z]+ )\((.*)\)")
_BOUND: Final = re.compile(r"\('[^']+'\)")
_VIEW: Final = "definition:  "  # PostgreSQL begins a view with a space


@dataclass(frozen=True, slots=True)
class Difference:
    """How an object differs from the release: lines that only one of them has."""

    object: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    is_absent: bool = False
    """Whether the database has no such object."""
    is_foreign: bool = False
    """Whether the release has no such object."""


def read_catalogue(connection: psycopg.Connection[Any]) -> Catalogue:
    """Return what the database has, without what depends on the server or the day.

    A monthly partition is omitted if it is as its parent's default partition. The
    session must have search_path = pg_catalog and the time zone UTC.
    """
    lines: dict[str, set[str]] = defaultdict(set)
    parents: dict[str, str] = {}
    for name in ("definitions", "privileges"):
        query = (CATALOGUE / f"{name}.sql").read_bytes()
        for of, line, parent in connection.execute(query).fetchall():
            lines[of].add(normalise(line))
            if parent is not None:
                parents[of] = parent
    found = {of: frozenset(texts) for of, texts in lines.items()}
    for month, parent in parents.items():
        default = f"table authority.{parent}_default"
        if default in found and _as_default(month, found[month], default) == {
            _as_month(line) for line in found[default]
        }:
            del found[month]
    return found


def expected_catalogue() -> Catalogue:
    """Return what a database has that this release migrated."""
    read: dict[str, list[str]] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return {of: frozenset(lines) for of, lines in read.items()}


def compare(expected: Catalogue, found: Catalogue) -> list[Difference]:
    """Return how the objects found differ from those expected, in order of creation."""
    nothing: frozenset[str] = frozenset()
    return [
        Difference(
            of,
            tuple(sorted(expected.get(of, nothing) - found.get(of, nothing))),
            tuple(sorted(found.get(of, nothing) - expected.get(of, nothing))),
            is_absent=of not in found,
            is_foreign=of not in expected,
        )
        for of in dict.fromkeys((*expected, *found))
        if expected.get(of) != found.get(of)
    ]


def normalise(line: str) -> str:
    """Return a line as PostgreSQL 16 and later have it, with sorted columns."""
    if line.startswith(_VIEW):
        return unqualified(line, max(0, line.rfind("\n SELECT ")))
    return _ON_COLUMNS.sub(_in_order, line)


def _in_order(match: re.Match[str]) -> str:
    return f"{match[1]}({', '.join(sorted(match[2].split(', ')))})"


def unqualified(text: str, start: int) -> str:
    """Return a view's text without the name of its only relation from `start` on.

    Versions of PostgreSQL before 16 qualify the columns of a single relation.
    """
    source = _ONLY_SOURCE.search(text)
    if not source:
        return text
    name = source["table"] or source["query"]
    return text[:start] + re.sub(rf"\b{name}\.", "", text[start:])


def _as_default(month: str, lines: Iterable[str], default: str) -> set[str]:
    """Return a partition's lines with the name of the default partition."""
    of, to = (name.rpartition(".")[2] for name in (month, default))
    return {_as_month(line.replace(of, to)) for line in lines}


def _as_month(line: str) -> str:
    """Return a line of a partition without its bounds."""
    if not line.startswith("partition of "):
        return line
    bounds = _BOUND.sub("(…)", line)
    return bounds.replace(" DEFAULT", " FOR VALUES FROM (…) TO (…)")
