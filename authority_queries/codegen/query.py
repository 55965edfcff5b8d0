"""What a query's file says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiosql.types import SQLOperationType


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonName:
    """A type in a module: `decimal:Decimal`."""

    module: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterTag:
    """What `@param` says: may it be None (None: no word of it), and what it is."""

    nullable: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanException:
    """What `@plan` permits, and why."""

    permitted: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What `@when` says: these columns are never null where `column` is one of these.

    `values` are in the order of the tag: the first one names the class of such rows.
    """

    column: str
    values: tuple[str, ...]
    notnull: tuple[str, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A named query as its file has it.

    `sql` is what aiosql hands to psycopg, `digest` what a module knows of its text.
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

    @property
    def place(self) -> str:
        """Say where the query stands: `queries/users.sql:12 get_by_id`."""
        return f"{self.path.parent.name}/{self.path.name}:{self.line} {self.name}"
