"""Checks a mapping file against the entries, and makes functions of its rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authority_queries.importing.conversions import moment, text
from authority_queries.importing.mapping.conditions import Test, compile_conditions
from authority_queries.importing.mapping.fields import CompiledEntry, compile_entry
from authority_queries.importing.mapping.language import (
    CollectionRule,
    CsvRule,
    ValueRule,
    read_mapping,
)
from authority_queries.importing.mapping.paths import FieldPath, parse_path
from authority_queries.importing.mapping.problems import (
    Location,
    Problem,
    Problems,
    refuse_file,
)
from authority_queries.importing.mapping.targets import RANKS, Target, open_field
from authority_queries.importing.mapping.values import Compute, compile_value

_TENANT: Final = Target("tenant", is_required=False, convert=text)
_CHANGED_AT: Final = Target("changed_at", is_required=False, convert=moment)
# Where the id of a document is, unless a rule names another field.
_IDS: Final = ("_id", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledCollection:
    """The rules of a collection, ready to be used.

    `keeps` is the field of the first entry that keeps unknown fields, or None.
    """

    name: str
    ids: Sequence[FieldPath]
    tenant: Compute | None
    changed_at: Compute | None
    skip: Sequence[tuple[Test, str]]
    drop: Sequence[tuple[FieldPath, str]]
    ignore: str | None
    keeps: str | None
    entries: Sequence[CompiledEntry]

    @property
    def rank(self) -> int:
        """The place of the collection among those that refer to each other."""
        return RANKS[self.entries[0].kind] if self.entries else len(RANKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A mapping file, ready to be used. Its collections are in the order of reading."""

    path: Path
    csv: CsvRule
    collections: Mapping[str, CompiledCollection]


def load_mapping(path: Path) -> Mapped:
    """Read and check a mapping file. Raises ConfigurationError.

    The error names the line, the key and the reason of each problem.
    """
    text, file = read_mapping(path)
    problems = Problems(file.collections)
    found = [
        _collection(name, rule, file.tenant, problems)
        for name, rule in file.collections.items()
    ]
    if problems:
        raise refuse_file(path, text, problems)
    found.sort(key=lambda each: each.rank)
    return Mapped(
        path=path, csv=file.csv, collections={each.name: each for each in found}
    )


def _collection(
    name: str,
    rule: CollectionRule,
    tenant: ValueRule | None,
    problems: Problems,
) -> CompiledCollection:
    at: Location = ("collections", name)
    if (rule.ignore is None) == (not rule.entries):
        problems.append(Problem(at, "needs entries, or the reason for ignore"))
    entries = [
        compile_entry(each, (*at, "entries", number), problems)
        for number, each in enumerate(rule.entries)
    ]
    keeps = open_field(entries[0].kind) if entries and not entries[0].each else None
    return CompiledCollection(
        name=name,
        ids=_paths([rule.id] if rule.id else _IDS, (*at, "id"), problems),
        tenant=_value(rule.tenant or tenant, _TENANT, at, problems),
        changed_at=_value(rule.changed_at, _CHANGED_AT, at, problems),
        skip=[
            (test, each.reason)
            for number, each in enumerate(rule.skip)
            for test in compile_conditions([each], (*at, "skip", number), problems)
        ],
        drop=[
            (path, reason)
            for name, reason in rule.drop.items()
            for path in _paths([name], (*at, "drop", name), problems)
        ],
        ignore=rule.ignore,
        keeps=keeps if rule.unknown == "keep" else None,
        entries=entries,
    )


def _value(
    rule: ValueRule | None, target: Target, at: Location, problems: Problems
) -> Compute | None:
    if rule is None:
        return None
    return compile_value(rule, target, (*at, target.name), problems)


def _paths(names: Sequence[str], at: Location, problems: Problems) -> list[FieldPath]:
    found = []
    for name in names:
        try:
            found.append(parse_path(name))
        except ValueError as error:
            problems.append(Problem(at, str(error)))
    return found
