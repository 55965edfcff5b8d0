"""A query while it is drawn: the dice, the parameters so far, and what is in scope."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol, TypeVar

from tests.fuzz.data import BY_TYPE
from tests.fuzz.world import TYPES, World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visible:
    """A column as an expression may name it, of a short type."""

    sql: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An alias in FROM. `kind` is that of pg_class, empty when it is no relation."""

    alias: str
    columns: tuple[Visible, ...]
    kind: str = ""
    keys: tuple[str, ...] = ()

    @property
    def qualified(self) -> tuple[Visible, ...]:
        return tuple(
            Visible(f"{self.alias}.{column.sql}", column.type)
            for column in self.columns
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an expression may use.

    `grouped` is the scope of the rows below a GROUP BY, for the arguments of
    aggregates. `windows` are the named windows, None where no window function may be.
    """

    columns: tuple[Visible, ...] = ()
    sources: tuple[Source, ...] = ()
    outer: "Scope | None" = None
    grouped: "Scope | None" = None
    windows: tuple[str, ...] | None = None
    generates_rows: bool = False

    def of_type(self, type_: str) -> list[Visible]:
        return [column for column in self.columns if column.type == type_]

    def plain(self) -> "Scope":
        """The same without aggregates and windows: for their own arguments."""
        return replace(self, grouped=None, windows=None, generates_rows=False)


@dataclass(frozen=True, slots=True)
class Shaped:
    """A query and the columns of its result."""

    sql: str
    columns: tuple[Visible, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A parameter: its type if the caller declares it, and texts that fit."""

    declared: str | None
    samples: tuple[str, ...]


class QueryMaker(Protocol):
    """Draws a query with columns of these types, or of any."""

    def __call__(
        self, draft: "Draft", outer: Scope | None, types: Sequence[str] | None
    ) -> Shaped: ...


@dataclass(slots=True, kw_only=True)
class Draft:
    """The state of drawing one query. `subqueries` is the number that may follow."""

    rng: Random
    world: World
    make_query: QueryMaker
    subqueries: int
    inputs: list[Input] = field(default_factory=list)
    ctes: list[Source] = field(default_factory=list)
    _names: int = 0

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def choose(self, options: Sequence[T]) -> T:
        return self.rng.choice(options)

    def weighted(self, options: Sequence[tuple[int, T]]) -> T:
        weights = [weight for weight, _ in options]
        return self.rng.choices([option for _, option in options], weights)[0]

    def name(self, prefix: str) -> str:
        """Return a name that the query does not have yet."""
        self._names += 1
        return f"{prefix}{self._names}"

    def type(self) -> str:
        """Draw a type, the usual ones more often."""
        usual = ("int", "text", "bool", "numeric", "timestamptz", "jsonb")
        return self.choose(usual if self.chance(0.6) else tuple(TYPES))

    def types(self, most: int) -> list[str]:
        return [self.type() for _ in range(self.rng.randint(1, most))]

    def may_nest(self) -> bool:
        """Return whether one more subquery is allowed, and count it."""
        self.subqueries -= 1
        return self.subqueries >= 0

    def parameter(self, type_: str, samples: Sequence[str] = ()) -> str:
        """Add a parameter: with a cast, with a declared type, or bare."""
        form = self.weighted(((4, "cast"), (4, "declared"), (1, "bare")))
        self.inputs.append(
            Input(
                declared=type_ if form == "declared" else None,
                samples=tuple(samples or BY_TYPE[type_]),
            )
        )
        number = f"${len(self.inputs)}"
        return f"{number}::{TYPES[type_]}" if form == "cast" else number
