"""The queries of a statement, and how each stands inside the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.kinds import (
    Command,
    Join,
    Kind,
    Match,
    Version,
)
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.view import Event, View

_SOURCE_IS_MISSING: Final = (0, "merge")
_HAS_VERSION: Final = {
    Version.OLD: {Command.UPDATE, Command.DELETE},
    Version.NEW: {Command.UPDATE, Command.INSERT},
}


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
        """Give an entry of the range table, which counts from 1."""
        return self.entries[index - 1]

    def kind(self, index: int) -> Kind:
        """Give the kind of an entry of the range table."""
        return Kind(self.entry(index).number("rtekind"))

    def target_oid(self) -> int:
        """Give the table that the query writes to."""
        return self.entry(self.target).number("relid")

    def has_version(self, version: Version) -> bool:
        """Say whether each row of the target has an old or a new version."""
        return self.command in _HAS_VERSION[version]

    def outputs(self) -> list[Node]:
        """Give the entries that are the columns of the query's result."""
        is_query = self.command == Command.SELECT
        entries = self.query.nodes("targetList" if is_query else "returningList")
        return [entry for entry in entries if not entry.flag("resjunk")]

    def assigned(self) -> dict[int, Node]:
        """Give what INSERT or UPDATE puts into columns, by number."""
        return {
            entry.number("resno"): entry.the("expr")
            for entry in self.query.nodes("targetList")
            if not entry.flag("resjunk")
        }

    def _above_the_source(self) -> frozenset[Event]:
        """Give the event that a row of MERGE's target has no source."""
        actions = self.query.nodes("mergeActionList")
        kinds = {action.number("matchKind") for action in actions}
        has_none = Match.NOT_MATCHED_BY_SOURCE in kinds
        return frozenset({_SOURCE_IS_MISSING} if has_none else set())

    def _place(self, node: Node | None, above: frozenset[Event]) -> None:
        """Note the events above each table and join."""
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


def tables_below(node: Node | None) -> set[int]:
    """Give the tables and joins in a part of a FROM clause."""
    match node:
        case Node(kind="RANGETBLREF"):
            return {node.number("rtindex")}
        case Node(kind="FROMEXPR"):
            return set().union(*map(tables_below, node.nodes("fromlist")))
        case Node(kind="JOINEXPR"):
            sides = (node.child("larg"), node.child("rarg"))
            return {node.number("rtindex")}.union(*map(tables_below, sides))
    return set()


def queries_below(node: Node | None) -> set[int]:
    """Give the queries that a UNION, INTERSECT or EXCEPT is made of."""
    match node:
        case Node(kind="RANGETBLREF"):
            return {node.number("rtindex")}
        case Node(kind="SETOPERATIONSTMT"):
            sides = (node.child("larg"), node.child("rarg"))
            return set().union(*map(queries_below, sides))
    return set()
