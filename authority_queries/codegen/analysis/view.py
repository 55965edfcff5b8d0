"""What is known at a place of a query.

A row that comes out of FROM has tables in it that an outer join may have filled with
nulls. Each side of an outer join that can be so filled is an *event*; a table carries
the events above it. A condition that must have been true for the row to come out can
prove that a value is not null, and with it that the events of its table did not happen.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from authority_queries.codegen.analysis.keys import (
    Key,
    Place,
    shape,
    shape_of,
    speaks_of,
    table_of,
)
from authority_queries.codegen.analysis.kinds import Kind, Version
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.errors import GenerationError

if TYPE_CHECKING:
    from authority_queries.codegen.analysis.scope import Scope

Event: TypeAlias = tuple[int, str]  # the join's index, and which side is nulls


@dataclass(frozen=True, slots=True)
class View:
    """What is known at one place of a query: after WHERE, after HAVING, in a CASE.

    `not_null` are expressions known to be not null there. `in_table` are columns that
    are not null in the rows of their table, whatever joins do with them above;
    `unhappened` are the events that cannot have happened. With `grouped` set,
    expressions are those of groups, and what was learnt of them as such is in `late`.
    With `written` set, the rows of the query's target are as it leaves them.
    """

    scope: "Scope"
    not_null: frozenset[Key] = frozenset()
    in_table: frozenset[Key] = frozenset()
    unhappened: frozenset[Event] = frozenset()
    late: frozenset[Key] = frozenset()
    grouped: bool = False
    written: bool = False

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
            return shape(expression, shape_of)
        return shape(expression, self._key_of)

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
        version = Version(variable.number("varreturningtype"))
        return Place(level, index, number, version)

    def knows(self, key: Key) -> bool:
        """Say whether an expression is known to be not null, here or further out."""
        if key in self.late:
            return True
        # A grouping set can make a null of a column that was none in the rows.
        if key in self.not_null and not (self.grouped and table_of(key) is not None):
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
        found = {key for key in keys if table_of(key) in part}
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
                key for key in self.not_null if not speaks_of(key, table, kept)
            ),
            in_table=frozenset(
                key for key in self.in_table if not speaks_of(key, table, kept)
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
        return self.scope.events.get(table_of(key) or 0, frozenset())
