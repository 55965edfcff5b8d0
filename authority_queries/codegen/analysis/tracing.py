"""The parameters that a value comes from, through casts, choices and queries."""

from collections.abc import Iterator
from typing import Final

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.node_kinds import (
    CallForm,
    Kind,
    Param,
)
from authority_queries.codegen.analysis.query_facts import QueryFacts
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import Scope, View
from authority_queries.codegen.analysis.sources import values_rows

_CASTS: Final = frozenset({CallForm.CAST, CallForm.IMPLICIT_CAST})
_WRAPPINGS: Final = frozenset({"RELABELTYPE", "COERCETODOMAIN", "COLLATEEXPR"})
_CHANGING_WRAPPINGS: Final = frozenset({"COERCEVIAIO", "ARRAYCOERCEEXPR"})
# An implicit call raises an error for a text that is too long; an explicit one cuts it.
_LENGTH_CHECKS: Final = frozenset(
    {"varchar(character varying,integer,boolean)", "bpchar(character,integer,boolean)"}
)


class Tracing:
    """Finds the parameters that values come from.

    With `only_unchanged` it stops at casts that can change the value.
    """

    def __init__(
        self, queries: QueryFacts, catalogue: Catalogue, *, only_unchanged: bool
    ) -> None:
        self._queries = queries
        self._catalogue = catalogue
        self._only_unchanged = only_unchanged
        self._seen: set[int] = set()

    def parameters_in(self, expression: Node | None, view: View) -> Iterator[int]:
        """Return the numbers of the parameters that a value can come from."""
        if expression is None:
            return
        match expression.kind:
            case "PARAM" if expression.number("paramkind") == Param.GIVEN:
                yield expression.number("paramid")
            case "FUNCEXPR" if self._is_followed_cast(expression):
                yield from self.parameters_in(expression.nodes("args")[0], view)
            case "CASEEXPR":
                for when in expression.nodes("args"):
                    yield from self.parameters_in(when.child("result"), view)
                yield from self.parameters_in(expression.child("defresult"), view)
            case "COALESCEEXPR":
                for argument in expression.nodes("args"):
                    yield from self.parameters_in(argument, view)
            case "VAR":
                yield from self._through_column(expression, view)
            case kind if kind in _WRAPPINGS or self._is_followed(expression):
                yield from self.parameters_in(expression.child("arg"), view)

    def _is_followed(self, expression: Node) -> bool:
        """Return whether to trace through a cast of an array or through text."""
        if expression.kind not in _CHANGING_WRAPPINGS:
            return False
        if not self._only_unchanged:
            return True
        match expression.child("elemexpr"):
            case Node(kind="RELABELTYPE"):
                return True
            case Node(kind="FUNCEXPR") as element:
                return self._is_followed_cast(element)
        return False

    def _is_followed_cast(self, call: Node) -> bool:
        form = call.number("funcformat")
        if not self._only_unchanged:
            return form in _CASTS
        is_length_check = self._catalogue.signature_of(call) in _LENGTH_CHECKS
        return form == CallForm.IMPLICIT_CAST and is_length_check

    def _through_column(self, column: Node, view: View) -> Iterator[int]:
        place = view.locate(column)
        index, number = place.table, place.column
        scope = view.at(place.level).scope
        if number < 1 or id(column) in self._seen:
            return
        self._seen.add(id(column))  # a recursive query leads here again
        entry = scope.entry(index)
        match scope.kind(index):
            case Kind.SUBQUERY:
                yield from self._of_query(self._queries.subscope(scope, index), number)
            case Kind.CTE:
                home, cte = self._queries.cte_scope(scope, entry)
                inner = self._queries.inside(cte.the("ctequery"), home.bare)
                yield from self._of_query(inner, number)
            case Kind.VALUES:
                for row in values_rows(entry):
                    yield from self.parameters_in(row[number - 1], scope.bare)
            case Kind.GROUP:
                grouped = entry.nodes("groupexprs")[number - 1]
                yield from self.parameters_in(grouped, scope.bare)
        self._seen.discard(id(column))

    def _of_query(self, scope: Scope, number: int) -> Iterator[int]:
        operations = scope.query.child("setOperations")
        if operations is not None:
            for index in sorted(_queries_below(operations)):
                subquery = self._queries.subscope(scope, index)
                yield from self._of_query(subquery, number)
            return
        entries = scope.outputs()
        if number <= len(entries):
            yield from self.parameters_in(entries[number - 1].child("expr"), scope.bare)


def _queries_below(node: Node | None) -> set[int]:
    """Return the queries of a UNION, INTERSECT or EXCEPT."""
    match node:
        case Node(kind="RANGETBLREF"):
            return {node.number("rtindex")}
        case Node(kind="SETOPERATIONSTMT"):
            sides = (node.child("larg"), node.child("rarg"))
            return set().union(*map(_queries_below, sides))
    return set()
