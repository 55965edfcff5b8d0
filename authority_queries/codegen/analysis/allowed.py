"""The functions of PostgreSQL's own that are known to give no null, and when."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LIST: Final = Path(__file__).with_name("never_null.txt")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The list in never_null.txt, by its sections. What it does not name gives null."""

    of_values: frozenset[str]
    of_anything: frozenset[str]
    row_functions: frozenset[str]
    strict_aggregates: frozenset[str]
    aggregates: frozenset[str]
    window_functions: frozenset[str]


def read_allowed() -> Allowed:
    """Read the list."""
    sections: dict[str, set[str]] = {}
    signatures: set[str] = set()
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            signatures = sections.setdefault(line.strip("[]"), set())
        elif line and not line.startswith("#"):
            signatures.add(line)
    return Allowed(
        of_values=frozenset(sections["when no argument is null"]),
        of_anything=frozenset(sections["not even of nulls"]),
        row_functions=frozenset(sections["rows that hold no null"]),
        strict_aggregates=frozenset(
            sections["aggregates of one row or more, none of them null"]
        ),
        aggregates=frozenset(sections["aggregates of one row or more"]),
        window_functions=frozenset(sections["window functions"]),
    )
