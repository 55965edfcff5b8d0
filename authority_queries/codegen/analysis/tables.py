"""The protocols by which expressions and queries describe each other."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from authority_queries.codegen.analysis.keys import Key
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import Scope, View
from authority_queries.codegen.facts import Fact

ByKind: TypeAlias = Mapping[str, Callable[[Node, View], Fact]]


class Tables(Protocol):
    """Answers questions of expressions about queries."""

    def column(self, scope: Scope, index: int, number: int) -> Fact:
        """Return the facts of a column in the rows of its table."""

    def written(self, scope: Scope, number: int) -> Node | None:
        """Return the expression that the query stores in a column, if it is known."""

    def subquery(self, query: Node, view: View) -> tuple[list[Fact], bool]:
        """Return the facts of a query's columns, and whether it has a row."""

    def rows(self, scope: Scope) -> View:
        """Return the view of the rows that the groups consist of."""

    def nulled_by_grouping(self, scope: Scope, key: Key) -> bool:
        """Return whether a grouping set omits this expression, which makes it null."""


class Describe(Protocol):
    """Describes an expression's value wherever the view holds."""

    def __call__(self, expression: Node | None, view: View) -> Fact:
        """Return the facts of the value. A missing expression is null."""
