"""What PostgreSQL and the analysis say of values, and how facts are put together."""

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
    """What is proven of a value. The defaults claim nothing.

    `values` are all texts that it can be, when they are known; `origin` is the column
    whose check says so, None when they are constants of the query. `elements_nullable`
    is of an array. `json_kind` is "object" or "array" when a jsonb is always that.
    `size` is the least and the most characters of a text, or octets of a bytea, and
    `rule` the function that a check calls for the value, with its other arguments.
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
        """Return the comment of the column of this name, or else of one it goes to."""
        columns = (*self.stored_in, *self.compared_with)
        named = [column for column in columns if column.column == name]
        return next((found.comment for found in (*named, *self.stored_in)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter as PostgreSQL sees it: its type's oid, and whether None makes sense.

    `fact.values` are the texts that the columns it goes to allow.
    """

    type_oid: int
    fact: Fact
    columns: Columns = field(default_factory=Columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a result: `type_oid` as in RowDescription (a domain's base type).

    `comment` is that of the table's or view's column that it is.
    """

    name: str
    type_oid: int
    fact: Fact
    comment: str = ""

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The column of a table that it is, if it is one."""
        return (self.fact.origin,) if self.fact.origin else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """PostgreSQL's view of a statement.

    `always_a_row` is True when it cannot give an empty result.
    """

    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    always_a_row: bool


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
