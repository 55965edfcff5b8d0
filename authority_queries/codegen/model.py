"""What is known of a query: what its file says, and what PostgreSQL says of it."""

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
    """A named query as its file has it. `sql` is what aiosql hands to psycopg."""

    path: Path
    line: int
    name: str
    operation: SQLOperationType
    parameters: tuple[str, ...]
    doc: str
    tags: Tags
    sql: str

    @property
    def place(self) -> str:
        """Say where the query stands: `queries/users.sql:12 get_by_id`."""
        return f"{self.path.parent.name}/{self.path.name}:{self.line} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A column of a table."""

    schema: str
    table: str
    column: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter as PostgreSQL sees it: its type's oid, and whether None makes sense.

    `fact.values` are the texts that the columns it goes to allow.
    """

    type_oid: int
    fact: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a result: `type_oid` as in RowDescription (a domain's base type)."""

    name: str
    type_oid: int
    fact: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """PostgreSQL's view of a statement.

    `always_a_row` is True when it cannot give an empty result.
    """

    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    always_a_row: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command has to say: on stdout, and what is wrong, if anything."""

    text: str
    fault: str | None = None
