"""Facts of expressions, above all whether they can be null."""

from dataclasses import replace
from typing import Final

from authority_queries.codegen.analysis.aggregates import Summaries
from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.choices import Choices
from authority_queries.codegen.analysis.columns import Columns
from authority_queries.codegen.analysis.function_calls import FunctionCalls
from authority_queries.codegen.analysis.narrowing import Narrowing
from authority_queries.codegen.analysis.node_kinds import Param, Sublink, ValueFunction
from authority_queries.codegen.analysis.query_tree import Node, text_of, type_of
from authority_queries.codegen.analysis.scope import View
from authority_queries.codegen.analysis.tables import ByKind, Describe, Tables
from authority_queries.codegen.facts import (
    NEVER_NULL,
    NULL,
    UNKNOWN,
    Fact,
    maybe_null,
    not_null,
)

_NEVER_NULL: Final = (
    "NULLTEST",
    "BOOLEANTEST",
    "ROWEXPR",
    "GROUPINGFUNC",
    "NEXTVALUEEXPR",
    "MERGESUPPORTFUNC",
)
_KEEPS_NULLS: Final = frozenset({"RELABELTYPE", "COERCEVIAIO"})
_JSONB: Final = 3802
_JSON_OBJECT: Final = 0x20000000
_JSON_ARRAY: Final = 0x40000000
_JSON_SCALAR: Final = 0x10000000


class Expressions:
    """Describes expressions. An expression of an unknown kind may be null."""

    def __init__(
        self, tables: Tables, catalogue: Catalogue, narrowing: Narrowing
    ) -> None:
        self._tables = tables
        self._catalogue = catalogue
        self._by_kind: ByKind = {
            **Columns(tables, self.describe).by_kind,
            **FunctionCalls(catalogue, self.describe).by_kind,
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
        """Return the facts of the value wherever the view holds."""
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
        """Return the facts of each expression."""
        return [self.describe(expression, view) for expression in expressions]

    def _never_null(self, _: Node, __: View) -> Fact:
        return NEVER_NULL

    def _constant(self, expression: Node, _: View) -> Fact:
        return _describe_constant(expression, self._catalogue)

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
        """Return whether ARRAY(…) can contain nulls, in arrays of it too."""
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


class Conversions:
    """Describes casts. A cast returns null for null and for nothing else."""

    def __init__(self, catalogue: Catalogue, describe: Describe) -> None:
        self._catalogue = catalogue
        self._describe = describe
        self.by_kind: ByKind = {
            "RELABELTYPE": self._relabelled,
            "COLLATEEXPR": self._relabelled,
            "COERCETODOMAIN": self._to_domain,
            "COERCEVIAIO": self._converted,
            "CONVERTROWTYPEEXPR": self._converted,
            "ARRAYCOERCEEXPR": self._converted_array,
        }

    def _relabelled(self, expression: Node, view: View) -> Fact:
        """Describe a value whose octets stay as they are."""
        return self._describe(expression.child("arg"), view)

    def _to_domain(self, expression: Node, view: View) -> Fact:
        """Describe a value that passes the checks of a domain."""
        fact = self._describe(expression.child("arg"), view)
        if fact.values is None:
            known = self._catalogue.domain(expression.number("resulttype"))
            return replace(fact, values=known.values, origin=None)
        return fact

    def _converted(self, expression: Node, view: View) -> Fact:
        """Describe a value that is converted through its text, or field by field."""
        return Fact(nullable=self._describe(expression.child("arg"), view).nullable)

    def _converted_array(self, expression: Node, view: View) -> Fact:
        """Describe an array whose elements are cast one by one."""
        fact = self._describe(expression.child("arg"), view)
        element = expression.child("elemexpr")
        same = element is not None and element.kind in _KEEPS_NULLS
        elements_nullable = fact.elements_nullable or not same
        return Fact(nullable=fact.nullable, elements_nullable=elements_nullable)


def _describe_constant(constant: Node, catalogue: Catalogue) -> Fact:
    """Describe a constant: its text, the kind of its JSON, nulls in its array."""
    if constant.flag("constisnull"):
        return NULL
    if (text := text_of(constant)) is not None:
        return Fact(nullable=False, values=frozenset({text}))
    octets = constant.octets("constvalue")
    type_oid = constant.number("consttype")
    if type_oid == _JSONB:
        return Fact(nullable=False, json_kind=_json_kind(octets))
    if type_oid in catalogue.array_types:
        # The third word of an array is 0 when it has no nulls.
        has_nulls = any(octets[8:12])
        return Fact(nullable=False, elements_nullable=has_nulls)
    return NEVER_NULL


def _json_kind(octets: bytes) -> str | None:
    """Read the kind from a jsonb's header, the word after its length."""
    header = int.from_bytes(octets[4:8], "little")
    if header & _JSON_OBJECT:
        return "object"
    return "array" if header & _JSON_ARRAY and not header & _JSON_SCALAR else None
