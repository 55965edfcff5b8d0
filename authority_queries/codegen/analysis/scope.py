"""The queries of a statement, and the facts that hold at a place in one.

An outer join can fill the columns of a table with nulls. Each side that it can fill is
an *event*, and a table has the events of all joins above it. A condition that every
returned row met can prove that a value is not null, and so that the events of its table
did not happen.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.keys import (
    Key,
    Place,
    shape,
    shape_of,
    speaks_of,
    table_of,
)
from authority_queries.codegen.analysis.node_kinds import (
    Command,
    Join,
    Kind,
    Match,
    Version,
)
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.errors import GenerationError

Event: TypeAlias = tuple[int, str]  # the join's index, and the side that is null
_SOURCE_IS_MISSING: Final = (0, "merge")
_HAS_VERSION: Final = {
    Version.OLD: {Command.UPDATE, Command.DELETE},
    Version.NEW: {Command.UPDATE, Command.INSERT},
}


@dataclass(frozen=True, slots=True)
class View:
    """The facts at one place of a query: after WHERE, after HAVING, in a CASE.

    `not_null` are expressions that are not null there. `in_table` are columns that are
    not null in the rows of their table, before joins above it. `unhappened` are the
    events that cannot have happened. With `grouped`, expressions are those of groups,
    and `late` are the ones that are not null there. With `written`, the rows of the
    target are those after the write.
    """

    scope: "Scope"
    not_null: frozenset[Key] = frozenset()
    in_table: frozenset[Key] = frozenset()
    unhappened: frozenset[Event] = frozenset()
    late: frozenset[Key] = frozenset()
    grouped: bool = False
    written: bool = False

    def at(self, levels: int) -> "View":
        """Return the view of the query that is so many levels outward."""
        view = self
        for _ in range(levels):
            if view.scope.parent is None:
                message = "a query tree refers to a query that is not there"
                raise GenerationError(message)
            view = view.scope.parent
        return view

    def key(self, expression: Node) -> Key:
        """Return the key of an expression."""
        if expression.kind == "VAR":
            return self.locate(expression)
        if expression.kind == "QUERY":  # its columns are numbered from inside it
            return shape(expression, shape_of)
        return shape(expression, self._key_of)

    def _key_of(self, value: object) -> object:
        if isinstance(value, Node):
            return self.key(value)
        if isinstance(value, list):
            return tuple(map(self._key_of, value))
        return value

    def locate(self, variable: Node) -> Place:
        """Return the column that a variable means, through the aliases of joins."""
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
        """Return whether an expression is not null, here or in an outer query."""
        if key in self.late:
            return True
        # A grouping set can replace a column by null that is not null in the rows.
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
        """Return the view in which these expressions are not null."""
        found = frozenset(keys)
        unhappened = self.unhappened.union(*(self._events(key) for key in found))
        if self.grouped:
            # A constant is null in the groups whose grouping set omits it.
            late = frozenset(key for key in found if self._is_of_the_group(key))
            return replace(self, late=self.late | late, unhappened=unhappened)
        return replace(self, not_null=self.not_null | found, unhappened=unhappened)

    def learning_below(self, keys: Iterable[Key], part: set[int]) -> "View":
        """Return the view after a join's condition, which concerns a part of FROM.

        The rows of this part met the condition. Joins above can still fill its columns
        with nulls.
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
        """Return the view after the rows of a table changed.

        `kept` are the columns that did not change.
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
        """Return whether an expression uses a column or an aggregate."""
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


@dataclass(frozen=True, slots=True)
class Environment:
    """The facts that hold for the whole statement.

    `parameters` is whether a parameter may be null, by number. Others may be null.
    """

    catalogue: Catalogue
    parameters: Mapping[int, bool]


class Scope:
    """One query of a statement, and its place in the outer query."""

    def __init__(
        self, query: Node, environment: Environment, parent: View | None = None
    ) -> None:
        self.query = query
        self.environment = environment
        self.parent = parent
        self.command = Command(query.number("commandType"))
        self.target = query.number("resultRelation")
        self.entries = query.nodes("rtable")
        self.events: dict[int, frozenset[Event]] = {}
        self.bare = View(self)
        self._place(query.child("jointree"), self._above_the_source())

    def entry(self, index: int) -> Node:
        """Return an entry of the range table, which counts from 1."""
        return self.entries[index - 1]

    def kind(self, index: int) -> Kind:
        """Return the kind of an entry of the range table."""
        return Kind(self.entry(index).number("rtekind"))

    def target_oid(self) -> int:
        """Return the table that the query writes to."""
        return self.entry(self.target).number("relid")

    def has_version(self, version: Version) -> bool:
        """Return whether each row of the target has an old or a new version."""
        return self.command in _HAS_VERSION[version]

    def outputs(self) -> list[Node]:
        """Return the entries that are the columns of the query's result."""
        is_query = self.command == Command.SELECT
        entries = self.query.nodes("targetList" if is_query else "returningList")
        return [entry for entry in entries if not entry.flag("resjunk")]

    def assigned(self) -> dict[int, Node]:
        """Return the expressions that INSERT or UPDATE stores, by column."""
        return {
            entry.number("resno"): entry.the("expr")
            for entry in self.query.nodes("targetList")
            if not entry.flag("resjunk")
        }

    def _above_the_source(self) -> frozenset[Event]:
        """Return the event that a row of MERGE's target has no source row."""
        actions = self.query.nodes("mergeActionList")
        kinds = {action.number("matchKind") for action in actions}
        has_none = Match.NOT_MATCHED_BY_SOURCE in kinds
        return frozenset({_SOURCE_IS_MISSING} if has_none else set())

    def _place(self, node: Node | None, above: frozenset[Event]) -> None:
        """Collect the events above each table and join."""
        match node:
            case Node(kind="RANGETBLREF"):
                index = node.number("rtindex")
                self.events[index] = frozenset() if index == self.target else above
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
