"""How facts of several values are put together."""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from typing import Final

from authority_queries.codegen.model import Fact

UNKNOWN: Final = Fact()
NEVER_NULL: Final = Fact(nullable=False)
# Of a null constant, and of a value that there is not: whatever is claimed of it holds.
NULL: Final = Fact(nullable=True, values=frozenset(), elements_nullable=False)
NOTHING: Final = replace(NULL, nullable=False)


def not_null(fact: Fact) -> Fact:
    """Say of a value, on top of what is known, that it is not null."""
    return replace(fact, nullable=False)


def maybe_null(fact: Fact) -> Fact:
    """Say of a value that is known that it can be null all the same."""
    return replace(fact, nullable=True)


def either(facts: Iterable[Fact]) -> Fact:
    """Say what holds of a value that is one of these."""
    return reduce(_either, facts, NOTHING)


def _either(one: Fact, other: Fact) -> Fact:
    nullable = one.nullable or other.nullable
    for empty, rest in ((one, other), (other, one)):
        if empty in {NULL, NOTHING}:
            return replace(rest, nullable=nullable)
    values = (
        None
        if one.values is None or other.values is None
        else one.values | other.values
    )
    return Fact(
        nullable=nullable,
        values=values,
        origin=one.origin if one.origin == other.origin else None,
        elements_nullable=one.elements_nullable or other.elements_nullable,
        json_kind=one.json_kind if one.json_kind == other.json_kind else None,
        size=one.size if one.size == other.size else None,
        rule=one.rule if one.rule == other.rule else None,
    )
