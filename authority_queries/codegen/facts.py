"""Facts of values, columns and parameters, and their combination."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A column of a table, and its comment in the database."""

    schema: str
    table: str
    column: str
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The proven facts of a value. The defaults claim nothing.

    `values` are all texts that it can be, if they are known. `origin` is the column
    whose check restricts them, None for constants of the query. `elements_nullable` is
    about the elements of an array. `json_kind` is "object" or "array" if a jsonb is
    always of this kind. `size` is the minimum and maximum number of characters of a
    text, or of octets of a bytea. `rule` is the signature of the function that a check
    calls for the value, with the function's other arguments.
    """

    nullable: bool = True
    values: frozenset[str] | None = None
    origin: Origin | None = None
    elements_nullable: bool = True
    json_kind: str | None = None
    size: tuple[int, int | None] | None = None
    rule: tuple[str | int, ...] | None = None


class Columns(NamedTuple):
    """The columns that a parameter is stored in, and those that it is compared with."""

    stored_in: tuple[Origin, ...] = ()
    compared_with: tuple[Origin, ...] = ()

    def comment_for(self, name: str) -> str:
        """Return the comment on the column of this name, or on one that stores it."""
        columns = (*self.stored_in, *self.compared_with)
        named = [column for column in columns if column.column == name]
        return next((found.comment for found in (*named, *self.stored_in)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter: the oid of its type, and its facts.

    `fact.values` are the texts that all columns accept in which it is stored.
    """

    type_oid: int
    fact: Fact
    columns: Columns = field(default_factory=Columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a result: `type_oid` as in RowDescription (a domain's base type).

    `comment` is the comment on the table's or view's column that it shows.
    """

    name: str
    type_oid: int
    fact: Fact
    comment: str = ""

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The column of a table that it shows, if any."""
        return (self.fact.origin,) if self.fact.origin else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The description of a statement.

    `always_a_row` is True when its result is never empty.
    """

    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    always_a_row: bool


UNKNOWN: Final = Fact()
NEVER_NULL: Final = Fact(nullable=False)
# The facts of a null constant: every claim about a value that is not null holds.
NULL: Final = Fact(nullable=True, values=frozenset(), elements_nullable=False)
NOTHING: Final = replace(NULL, nullable=False)


def not_null(fact: Fact) -> Fact:
    """Return the facts with the value not null."""
    return replace(fact, nullable=False)


def maybe_null(fact: Fact) -> Fact:
    """Return the facts with the value nullable."""
    return replace(fact, nullable=True)


def either(facts: Iterable[Fact]) -> Fact:
    """Return the facts that hold for each of several values."""
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
