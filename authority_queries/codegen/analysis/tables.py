"""What an expression needs of the queries around and inside it."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from authority_queries.codegen.analysis.keys import Key
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import Scope, View
from authority_queries.codegen.facts import Fact

ByKind: TypeAlias = Mapping[str, Callable[[Node, View], Fact]]


class Tables(Protocol):
    """Answers of the queries to an expression's questions."""

    def column(self, scope: Scope, index: int, number: int) -> Fact:
        """Say what holds of a column in the rows of its table."""

    def written(self, scope: Scope, number: int) -> Node | None:
        """Give what the query puts into a column of its target, if that is known."""

    def subquery(self, query: Node, view: View) -> tuple[list[Fact], bool]:
        """Say what holds of a query's columns, and whether it always gives a row."""

    def rows(self, scope: Scope) -> View:
        """Give what is known of the rows that groups are made of."""

    def nulled_by_grouping(self, scope: Scope, key: Key) -> bool:
        """Say whether some grouping set leaves this out, which makes it null."""


class Describe(Protocol):
    """Says what holds of an expression's value wherever the view holds."""

    def __call__(self, expression: Node | None, view: View) -> Fact:
        """Describe the value; no expression at all is a null."""
