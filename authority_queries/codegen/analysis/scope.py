"""The parts of a query tree that an expression can refer to, and what is known there.

A row that comes out of FROM has tables in it that an outer join may have filled with
nulls. Each side of an outer join that can be so filled is an *event*; a table carries
the events above it. A condition that must have been true for the row to come out can
prove that a value is not null, and with it that the events of its table did not happen.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, TypeAlias

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.errors import GenerationError

Key: TypeAlias = "Place | tuple[object, ...]"
Event: TypeAlias = tuple[int, str]  # the join's index, and which side is nulls

_NOT_OF_THE_VALUE: Final = frozenset(
    {
        "location",
        "list_start",
        "list_end",
        "varnullingrels",
        "varnosyn",
        "varattnosyn",
        "funcformat",
        "relabelformat",
        "coerceformat",
        "coercionformat",
        "resname",
    }
)


class Kind(IntEnum):
    """PostgreSQL's kinds of entries in a range table."""

    RELATION = 0
    SUBQUERY = 1
    JOIN = 2
    FUNCTION = 3
    TABLE_FUNCTION = 4
    VALUES = 5
    CTE = 6
    TRANSITION_TABLE = 7
    NOTHING = 8
    GROUP = 9


class Command(IntEnum):
    """PostgreSQL's kinds of statements."""

    SELECT = 1
    UPDATE = 2
    INSERT = 3
    DELETE = 4
    MERGE = 5


class Join(IntEnum):
    """PostgreSQL's kinds of joins in a parse tree."""

    INNER = 0
    LEFT = 1
    FULL = 2
    RIGHT = 3


class SetOperation(IntEnum):
    """PostgreSQL's kinds of set operations."""

    UNION = 1
    INTERSECT = 2
    EXCEPT = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A column: how many queries further out, in which table there, which one.

    `version` is "1" for RETURNING old, "2" for new, else "0".
    """

    level: int
    table: int
    column: int
    version: str = "0"


@dataclass(frozen=True, slots=True)
class Environment:
    """What is the same for the whole statement.

    `parameters` says by number which may be null; one that it doesn't name may.
    """

    catalogue: Catalogue
    parameters: Mapping[int, bool]


class Scope:
    """One query of a statement, and where it stands."""

    def __init__(
        self, query: Node, environment: Environment, parent: "View | None" = None
    ) -> None:
        self.query = query
        self.environment = environment
        self.parent = parent
        self.command = Command(query.number("commandType"))
        self.entries = query.nodes("rtable")
        self.events: dict[int, frozenset[Event]] = {}
        self.bare = View(self)
        self._place(query.child("jointree"), frozenset())

    def entry(self, index: int) -> Node:
        """Give an entry of the range table, which counts from 1."""
        return self.entries[index - 1]

    def kind(self, index: int) -> Kind:
        """Give the kind of an entry of the range table."""
        return Kind(self.entry(index).number("rtekind"))

    def has_version(self, version: str) -> bool:
        """Say whether each row has an old (1) or a new (2) version."""
        before = {Command.UPDATE, Command.DELETE}
        after = {Command.UPDATE, Command.INSERT}
        return self.command in (before if version == "1" else after)

    def _place(self, node: Node | None, above: frozenset[Event]) -> None:
        """Note the events above each table and join."""
        match node:
            case Node(kind="RANGETBLREF"):
                self.events[node.number("rtindex")] = above
            case Node(kind="FROMEXPR"):
                for item in node.nodes("fromlist"):
                    self._place(item, above)
            case Node(kind="JOINEXPR"):
                index, join = node.number("rtindex"), node.number("jointype")
                self.events[index] = above
                left = {(index, "left")} if join in {Join.RIGHT, Join.FULL} else set()
                right = {(index, "right")} if join in {Join.LEFT, Join.FULL} else set()
                self._place(node.child("larg"), above | left)
                self._place(node.child("rarg"), above | right)

    def below(self, node: Node | None) -> set[int]:
        """Give the tables and joins in a part of the FROM clause."""
        match node:
            case Node(kind="RANGETBLREF"):
                return {node.number("rtindex")}
            case Node(kind="FROMEXPR"):
                return set().union(*map(self.below, node.nodes("fromlist")))
            case Node(kind="JOINEXPR"):
                sides = self.below(node.child("larg")) | self.below(node.child("rarg"))
                return sides | {node.number("rtindex")}
        return set()

    def below_set(self, node: Node | None) -> set[int]:
        """Give the queries that a UNION, INTERSECT or EXCEPT is made of."""
        match node:
            case Node(kind="RANGETBLREF"):
                return {node.number("rtindex")}
            case Node(kind="SETOPERATIONSTMT"):
                left, right = node.child("larg"), node.child("rarg")
                return self.below_set(left) | self.below_set(right)
        return set()


@dataclass(frozen=True, slots=True)
class View:
    """What is known at one place of a query: after WHERE, after HAVING, in a CASE.

    `not_null` are expressions known to be not null there. `in_table` are columns that
    are not null in the rows of their table, whatever joins do with them above;
    `unhappened` are the events that cannot have happened. With `grouped` set,
    expressions are those of groups, and what was learnt of them as such is in `late`.
    With `written` set, the rows of the query's target are as it leaves them. Of the
    tables in `absent` there may be no row.
    """

    scope: Scope
    not_null: frozenset[Key] = frozenset()
    in_table: frozenset[Key] = frozenset()
    unhappened: frozenset[Event] = frozenset()
    late: frozenset[Key] = frozenset()
    grouped: bool = False
    written: bool = False
    absent: frozenset[int] = frozenset()

    def at(self, levels: int) -> "View":
        """Give the view from the query that is so many levels further out."""
        view = self
        for _ in range(levels):
            if view.scope.parent is None:
                message = "a query tree refers to a query that is not there"
                raise GenerationError(message)
            view = view.scope.parent
        return view

    def key(self, expression: Node) -> Key:
        """Give what is the same for expressions that are always equal."""
        if expression.kind == "VAR":
            return self.locate(expression)
        if expression.kind == "QUERY":  # whose columns are counted from inside it
            return _shape(expression, _shape_of)
        return _shape(expression, self._key_of)

    def _key_of(self, value: object) -> object:
        if isinstance(value, Node):
            return self.key(value)
        if isinstance(value, list):
            return tuple(map(self._key_of, value))
        return value

    def locate(self, variable: Node) -> Place:
        """Find out which column is meant, through the names of joins."""
        level = variable.number("varlevelsup")
        scope = self.at(level).scope
        index, number = variable.number("varno"), variable.number("varattno")
        while number > 0 and 0 < index <= len(scope.entries):
            if scope.kind(index) != Kind.JOIN:
                break
            below = scope.entry(index).items("joinaliasvars")[number - 1]
            if not isinstance(below, Node) or below.kind != "VAR":
                break
            index, number = below.number("varno"), below.number("varattno")
        version = variable.text("varreturningtype") or "0"
        return Place(level, index, number, version)

    def knows(self, key: Key) -> bool:
        """Say whether an expression is known to be not null, here or further out."""
        if key in self.not_null or key in self.late:
            return True
        parent = self.scope.parent
        if parent is None:
            return False
        match key:
            case Place(level=level):
                return level > 0 and parent.knows(replace(key, level=level - 1))
            case ("PARAM", *_):
                return parent.knows(key)
        return False

    def assuming(self, keys: Iterable[Key]) -> "View":
        """Give the view of what comes after these were found to be not null."""
        found = frozenset(keys)
        unhappened = self.unhappened.union(*(self._events(key) for key in found))
        if self.grouped:
            # A constant is not null here and null where a grouping set left it out.
            late = frozenset(key for key in found if self._is_of_the_group(key))
            return replace(self, late=self.late | late, unhappened=unhappened)
        return replace(self, not_null=self.not_null | found, unhappened=unhappened)

    def learning_below(self, keys: Iterable[Key], part: set[int]) -> "View":
        """Give the view after a condition of a join, which speaks of a part of FROM.

        Rows that come out of this part met the condition; joins above it may fill it
        with nulls still.
        """
        found = {key for key in keys if _table(key) in part}
        inside = {(index, side) for index in part for side in ("left", "right")}
        events = frozenset[Event]().union(
            *(self._events(key) & inside for key in found)
        )
        return replace(
            self, in_table=self.in_table | found, unhappened=self.unhappened | events
        )

    def forgetting(self, table: int, kept: Set[int] = frozenset()) -> "View":
        """Give the view of a table whose rows have been changed since, but for these.

        `kept` are columns that are as they were.
        """
        return replace(
            self,
            not_null=frozenset(
                key for key in self.not_null if not _changed(key, table, kept)
            ),
            in_table=frozenset(
                key for key in self.in_table if not _changed(key, table, kept)
            ),
        )

    def _is_of_the_group(self, key: object) -> bool:
        """Say whether an expression's key speaks of a column or an aggregate."""
        if isinstance(key, tuple):
            return key[:1] == ("AGGREF",) or any(map(self._is_of_the_group, key))
        if not isinstance(key, Place):
            return False
        if key.level or self.scope.kind(key.table) != Kind.GROUP:
            return True
        grouped = self.scope.entry(key.table).nodes("groupexprs")[key.column - 1]
        return self._is_of_the_group(self.key(grouped))

    def _events(self, key: Key) -> frozenset[Event]:
        return self.scope.events.get(_table(key) or 0, frozenset())


def _shape(node: Node, of: Callable[[object], object]) -> tuple[object, ...]:
    """Give what two nodes have in common that mean the same."""
    return node.kind, *(
        (name, of(value))
        for name, value in node.fields.items()
        if name not in _NOT_OF_THE_VALUE
    )


def _shape_of(value: object) -> object:
    if isinstance(value, Node):
        return _shape(value, _shape_of)
    return tuple(map(_shape_of, value)) if isinstance(value, list) else value


def _table(key: object) -> int | None:
    """Give the table of this query that a key is a column of."""
    return key.table if isinstance(key, Place) and key.level == 0 else None


def _changed(key: object, table: int, kept: Set[int]) -> bool:
    """Say whether an expression's key speaks of a column of the table not kept."""
    if isinstance(key, tuple):
        return any(_changed(part, table, kept) for part in key)
    return isinstance(key, Place) and _table(key) == table and key.column not in kept
