"""What is known of an expression's value: chiefly, whether it can be null."""

from typing import Final

from authority_queries.codegen.analysis.calls import Calls
from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.choices import Choices
from authority_queries.codegen.analysis.columns import Columns
from authority_queries.codegen.analysis.constants import describe_constant
from authority_queries.codegen.analysis.conversions import Conversions
from authority_queries.codegen.analysis.facts import (
    NEVER_NULL,
    NULL,
    UNKNOWN,
    maybe_null,
    not_null,
)
from authority_queries.codegen.analysis.kinds import Param, Sublink, ValueFunction
from authority_queries.codegen.analysis.narrowing import Narrowing
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.result_types import type_of
from authority_queries.codegen.analysis.summaries import Summaries
from authority_queries.codegen.analysis.tables import ByKind, Tables
from authority_queries.codegen.analysis.view import View
from authority_queries.codegen.model import Fact

_NEVER_NULL: Final = (
    "NULLTEST",
    "BOOLEANTEST",
    "ROWEXPR",
    "GROUPINGFUNC",
    "NEXTVALUEEXPR",
    "MERGESUPPORTFUNC",
)


class Expressions:
    """Describes expressions. Of a kind that it does not know: nothing, so nullable."""

    def __init__(
        self, tables: Tables, catalogue: Catalogue, narrowing: Narrowing
    ) -> None:
        self._tables = tables
        self._catalogue = catalogue
        self._by_kind: ByKind = {
            **Columns(tables, self.describe).by_kind,
            **Calls(catalogue, self.describe).by_kind,
            **Choices(narrowing, self.describe).by_kind,
            **Conversions(catalogue, self.describe).by_kind,
            **Summaries(tables, catalogue, self.describe).by_kind,
            **dict.fromkeys(_NEVER_NULL, self._never_null),
            "CONST": self._constant,
            "PARAM": self._parameter,
            "SUBLINK": self._sublink,
            "ARRAYEXPR": self._array,
            "SQLVALUEFUNCTION": self._sql_value,
            "JSONISPREDICATE": self._is_json,
        }

    def describe(self, expression: Node | None, view: View) -> Fact:
        """Say what holds of the value wherever the view holds."""
        if expression is None:
            return NULL
        describe = self._by_kind.get(expression.kind)
        if describe is None:
            return UNKNOWN
        fact = describe(expression, view)
        if expression.kind == "VAR" or not (fact.nullable or view.grouped):
            return fact
        key = view.key(expression)
        if view.grouped:
            if key in view.late:
                return not_null(fact)
            if self._tables.nulled_by_grouping(view.scope, key):
                return maybe_null(fact)
        return not_null(fact) if view.knows(key) else fact

    def describe_all(self, expressions: list[Node], view: View) -> list[Fact]:
        """Describe each of them."""
        return [self.describe(expression, view) for expression in expressions]

    def _never_null(self, _: Node, __: View) -> Fact:
        return NEVER_NULL

    def _constant(self, expression: Node, _: View) -> Fact:
        return describe_constant(expression, self._catalogue)

    def _parameter(self, expression: Node, view: View) -> Fact:
        match expression.number("paramkind"):
            case Param.GIVEN:
                known = view.scope.environment.parameters
                nullable = known.get(expression.number("paramid"), True)
                return Fact(nullable=nullable, elements_nullable=False)
            case Param.SUBLINK:  # a column of the query of IN, ANY, ALL: see _sublink
                return NEVER_NULL
        return UNKNOWN

    def _sublink(self, expression: Node, view: View) -> Fact:
        kind = expression.number("subLinkType")
        if kind == Sublink.EXISTS:
            return NEVER_NULL
        query = expression.the("subselect")
        columns, always_a_row = self._tables.subquery(query, view)
        match kind:
            case Sublink.ALL | Sublink.ANY:
                if any(column.nullable for column in columns):
                    return UNKNOWN
                return self.describe(expression.child("testexpr"), view)
            case Sublink.VALUE:
                return columns[0] if always_a_row else maybe_null(columns[0])
            case Sublink.ARRAY:
                nullable = self._nulls_in_array_of(query, columns[0])
                return Fact(nullable=False, elements_nullable=nullable)
        return UNKNOWN

    def _nulls_in_array_of(self, query: Node, column: Fact) -> bool:
        """Say whether ARRAY(…) can hold nulls; one of arrays holds what they do."""
        entries = query.nodes("targetList")
        (output,) = (entry for entry in entries if not entry.flag("resjunk"))
        of = type_of(output.the("expr"))
        is_plain = of is not None and of not in self._catalogue.array_types
        return column.nullable or (column.elements_nullable and not is_plain)

    def _array(self, expression: Node, view: View) -> Fact:
        elements = self.describe_all(expression.nodes("elements"), view)
        nested = expression.flag("multidims")
        nullable = any(
            element.elements_nullable if nested else element.nullable
            for element in elements
        )
        return Fact(nullable=False, elements_nullable=nullable)

    def _is_json(self, expression: Node, view: View) -> Fact:
        return Fact(nullable=self.describe(expression.child("expr"), view).nullable)

    def _sql_value(self, expression: Node, _: View) -> Fact:
        return Fact(nullable=expression.number("op") == ValueFunction.CURRENT_SCHEMA)
