"""Aggregates and window functions, with what their query says of their rows."""

from authority_queries.codegen.analysis.aggregates import (
    describe_aggregate,
    describe_window,
)
from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.grouping import has_empty_group
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.tables import ByKind, Describe, Tables
from authority_queries.codegen.analysis.view import View
from authority_queries.codegen.model import Fact


class Summaries:
    """Describes what is made of several rows."""

    def __init__(
        self, tables: Tables, catalogue: Catalogue, describe: Describe
    ) -> None:
        self._tables = tables
        self._catalogue = catalogue
        self._describe = describe
        self.by_kind: ByKind = {
            "AGGREF": self._aggregate,
            "WINDOWFUNC": self._window,
        }

    def _aggregate(self, expression: Node, view: View) -> Fact:
        """Describe an aggregate over a group, of this query or of one further out."""
        known = self._catalogue.functions[expression.number("aggfnoid")]
        if expression.number("agglevelsup"):
            return Fact(nullable=not (known.is_builtin and known.name == "count"))
        rows = self._tables.rows(view.scope)
        arguments = [
            self._describe(entry.child("expr"), rows)
            for entry in expression.nodes("args")
            if not entry.flag("resjunk")
        ]
        is_filtered = expression.child("aggfilter") is not None
        return describe_aggregate(
            known,
            arguments,
            self._catalogue.allowed,
            has_rows=not (is_filtered or has_empty_group(view.scope.query)),
        )

    def _window(self, expression: Node, view: View) -> Fact:
        """Describe a window function."""
        known = self._catalogue.functions[expression.number("winfnoid")]
        (window,) = (
            window
            for window in view.scope.query.nodes("windowClause")
            if window.number("winref") == expression.number("winref")
        )
        return describe_window(
            known,
            [self._describe(one, view) for one in expression.nodes("args")],
            self._catalogue.allowed,
            frame=window.number("frameOptions"),
            is_filtered=expression.child("aggfilter") is not None,
        )
