"""Facts of a column where an expression refers to it."""

from dataclasses import replace

from authority_queries.codegen.analysis.keys import Place
from authority_queries.codegen.analysis.node_kinds import Kind, SystemColumn, Version
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import View
from authority_queries.codegen.analysis.tables import ByKind, Describe, Tables
from authority_queries.codegen.facts import (
    NEVER_NULL,
    UNKNOWN,
    Fact,
    either,
    maybe_null,
    not_null,
)


class Columns:
    """Describes columns of tables, joins and groups, and whole rows."""

    def __init__(self, tables: Tables, describe: Describe) -> None:
        self._tables = tables
        self._describe = describe
        self.by_kind: ByKind = {
            "VAR": self._variable,
            "FIELDSELECT": self._field,
        }

    def _variable(self, expression: Node, view: View) -> Fact:
        """Describe a column of this query or of an outer one."""
        place = view.locate(expression)
        fact = self._column(view.at(place.level), replace(place, level=0))
        if not place.level:
            return fact
        if view.grouped:  # a query can group by a column of an outer query
            if place in view.late:
                return not_null(fact)
            if self._tables.nulled_by_grouping(view.scope, place):
                return maybe_null(fact)
        return not_null(fact) if view.knows(place) else fact

    def _field(self, expression: Node, view: View) -> Fact:
        """Describe a field of a table's row; other composite values are unknown."""
        row = expression.child("arg")
        if row is None or row.kind != "VAR" or row.number("varattno"):
            return UNKNOWN
        scope = view.at(row.number("varlevelsup")).scope
        if scope.kind(row.number("varno")) != Kind.RELATION:
            return UNKNOWN
        number = str(expression.number("fieldnum"))
        return self._describe(Node("VAR", {**row.fields, "varattno": number}), view)

    def _column(self, view: View, place: Place) -> Fact:
        if view.grouped:
            return self._grouped(view, place)
        match view.scope.kind(place.table):
            case Kind.GROUP:
                expressions = view.scope.entry(place.table).nodes("groupexprs")
                return self._describe(expressions[place.column - 1], view)
            case Kind.JOIN if place.column > 0:
                fact = self._merged(view, place.table, place.column)
            case _:
                fact = self._stored(view, place)
        if view.knows(place):
            return not_null(fact)
        if place in view.in_table:
            fact = not_null(fact)
        happened = view.scope.events.get(place.table, frozenset()) - view.unhappened
        return maybe_null(fact) if happened else fact

    def _grouped(self, view: View, place: Place) -> Fact:
        fact = self._column(replace(view, grouped=False), place)
        if place in view.late:
            return not_null(fact)
        nulled = self._tables.nulled_by_grouping(view.scope, place)
        return maybe_null(fact) if nulled else fact

    def _stored(self, view: View, place: Place) -> Fact:
        scope = view.scope
        if place.version and not scope.has_version(place.version):
            return UNKNOWN
        if place.column > 0:
            return self._of_table(view, place)
        kind = scope.kind(place.table)
        if place.column < 0:
            known = kind == Kind.RELATION and place.column in set(SystemColumn)
        else:
            known = kind in {Kind.RELATION, Kind.SUBQUERY, Kind.CTE}
        return NEVER_NULL if known else UNKNOWN

    def _of_table(self, view: View, place: Place) -> Fact:
        scope = view.scope
        stored = self._tables.column(scope, place.table, place.column)
        is_written = view.written and place.table == scope.target
        if not is_written or place.version == Version.OLD:
            return stored
        written = self._tables.written(scope, place.column)
        if written is None:
            return stored
        value = self._describe(written, self._tables.rows(scope))
        return replace(stored, nullable=stored.nullable and value.nullable)

    def _merged(self, view: View, index: int, number: int) -> Fact:
        """Describe a column of JOIN … USING that combines both sides."""
        merged = view.scope.entry(index).items("joinaliasvars")[number - 1]
        if not isinstance(merged, Node):
            return UNKNOWN
        if merged.kind != "COALESCEEXPR":
            return self._describe(merged, view)
        # A row lacks at most one side, so COALESCE returns a value of the other.
        both = frozenset({(index, "left"), (index, "right")})
        there = replace(view, unhappened=view.unhappened | both)
        return either(self._describe(one, there) for one in merged.nodes("args"))
