"""A query as its file contains it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aiosql.types import SQLOperationType

from authority_queries.codegen.errors import GenerationError, Place


class Position(NamedTuple):
    """A line and a column of a query's file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonName:
    """A type in a module: `decimal:Decimal`."""

    module: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterTag:
    """A `@param`: whether the parameter may be None (None if unsaid), and its text."""

    nullable: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanException:
    """A `@plan`: the permitted violation, and the reason."""

    permitted: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A `@when`: the columns that are never null where `column` has one of the values.

    `values` are in the order of the tag. The first one names the class of such rows.
    """

    column: str
    values: tuple[str, ...]
    notnull: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The condition: `outcome = issued, renewed`."""
        return f"{self.column} = {', '.join(self.values)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The annotations in the comment under a query's name."""

    row: str | None = None
    nullable: frozenset[str] = frozenset()
    notnull: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, ParameterTag] = field(default_factory=dict)
    types: Mapping[str, PythonName] = field(default_factory=dict)
    plans: tuple[PlanException, ...] = ()
    role: str | None = None
    rows_of: str | None = None
    cases: tuple[Case, ...] = ()
    copy: bool = False
    positions: Mapping[tuple[str, str], Position] = field(
        default_factory=dict, compare=False
    )
    """Where each tag is, by its keyword and its subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A token of a statement: where it ends in the text that is sent, and its place."""

    end: int
    text: str
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Where the parts of a statement are in its file.

    `columns` are the columns of its result.
    """

    words: tuple[Word, ...] = ()
    columns: Mapping[str, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A named query of a file.

    `sql` is the text that aiosql passes to psycopg, `digest` its hash in a module.
    """

    path: Path
    line: int
    name: str
    operation: SQLOperationType
    parameters: tuple[str, ...]
    doc: str
    tags: Tags
    sql: str
    digest: str
    positions: Positions = field(default=Positions(), compare=False, repr=False)

    @property
    def place(self) -> str:
        """Where the query is: `queries/users.sql:12 get_by_id`."""
        return f"{self.path.parent.name}/{self.path.name}:{self.line} {self.name}"

    def refuse(self, message: str, at: Position | None = None) -> GenerationError:
        """Make an error at a position, or else at the query's name."""
        position = at or Position(self.line, 1)
        return GenerationError(message, Place(self.path, *position))

    def refuse_tag(self, keyword: str, subject: str, message: str) -> GenerationError:
        """Make an error at a tag."""
        return self.refuse(message, self.tags.positions.get((keyword, subject)))

    def refuse_column(self, name: str, message: str) -> GenerationError:
        """Make an error at a column of the result."""
        return self.refuse(message, self.positions.columns.get(name))

    def refuse_word(self, text: str, message: str) -> GenerationError:
        """Make an error at the first occurrence of a word in the statement."""
        words = (word for word in self.positions.words if word.text == text)
        word = next(words, None)
        return self.refuse(message, word.position if word else None)

    def refuse_offset(self, offset: int, message: str) -> GenerationError:
        """Make an error at an offset in the text that is sent."""
        return self.refuse(message, self.position_of(offset))

    def position_of(self, offset: int) -> Position:
        """Return the position of the word at an offset in the text that is sent."""
        words = self.positions.words
        word = next((word for word in words if offset < word.end), None)
        return (word or words[-1]).position if words else Position(self.line, 1)
