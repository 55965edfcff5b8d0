"""What is known of an expression's value: chiefly, whether it can be null."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from authority_queries.codegen.analysis.aggregates import (
    describe_aggregate,
    describe_window,
)
from authority_queries.codegen.analysis.catalogue import TEXT_TYPES, Catalogue
from authority_queries.codegen.analysis.facts import (
    NEVER_NULL,
    NULL,
    UNKNOWN,
    either,
    maybe_null,
    not_null,
)
from authority_queries.codegen.analysis.narrowing import NOT_TRUE, TRUE, Narrowing
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.scope import Key, Kind, Place, Scope, View
from authority_queries.codegen.model import Fact

_JSONB: Final = 3802
_JSON_OBJECT: Final = 0x20000000
_JSON_ARRAY: Final = 0x40000000
_JSON_SCALAR: Final = 0x10000000
_JSON_KINDS: Final = {
    'json_build_object("any")': "object",
    "json_build_object()": "object",
    'jsonb_build_object("any")': "object",
    "jsonb_build_object()": "object",
    'jsonb_build_array("any")': "array",
    "jsonb_build_array()": "array",
}
# Arrays made of arrays and of elements: which arguments are the ones and the others.
_MADE_OF: Final[dict[str, tuple[slice, slice]]] = {
    "array_append(anycompatiblearray,anycompatible)": (slice(0, 1), slice(1, 2)),
    "array_prepend(anycompatible,anycompatiblearray)": (slice(1, 2), slice(0, 1)),
    "array_cat(anycompatiblearray,anycompatiblearray)": (slice(0, 2), slice(0)),
    "array_remove(anycompatiblearray,anycompatible)": (slice(0, 1), slice(0)),
    "string_to_array(text,text)": (slice(0), slice(0)),
    "regexp_split_to_array(text,text)": (slice(0), slice(0)),
}
_CURRENT_SCHEMA: Final = 14
_TABLE_OID, _CTID = -6, -1
_OLD: Final = "1"


class Tables(Protocol):
    """What an expression needs of the queries around and inside it."""

    def column(self, scope: Scope, index: int, number: int) -> Fact:
        """Say what holds of a column in the rows of its table."""

    def written(self, scope: Scope, number: int) -> Node | None:
        """Give what the query puts into a column of its target, if that is known."""

    def subquery(self, query: Node, view: View) -> tuple[list[Fact], bool]:
        """Say what holds of a query's columns, and whether it always gives a row."""

    def rows(self, scope: Scope) -> View:
        """Give what is known of the rows that groups are made of."""

    def groups_have_rows(self, scope: Scope) -> bool:
        """Say whether there is no group of no rows."""

    def nulled_by_grouping(self, scope: Scope, key: Key) -> bool:
        """Say whether some grouping set leaves this out, which makes it null."""


class Expressions:
    """Describes expressions. Of a kind that it does not know: nothing, so nullable."""

    def __init__(self, tables: Tables, catalogue: Catalogue) -> None:
        self._tables = tables
        self._catalogue = catalogue
        self._narrowing = Narrowing(catalogue)
        self._by_kind: dict[str, Callable[[Node, View], Fact]] = {
            "VAR": self._variable,
            "CONST": self._constant,
            "PARAM": self._parameter,
            "FUNCEXPR": self._call,
            "OPEXPR": self._call,
            "SCALARARRAYOPEXPR": self._array_test,
            "BOOLEXPR": self._strict,
            "ROWCOMPAREEXPR": self._row_comparison,
            "CASEEXPR": self._case,
            "COALESCEEXPR": self._first_not_null,
            "MINMAXEXPR": self._first_not_null,
            "NULLIFEXPR": self._null_if,
            "SUBLINK": self._sublink,
            "ARRAYEXPR": self._array,
            "RELABELTYPE": self._relabelled,
            "COLLATEEXPR": self._relabelled,
            "COERCETODOMAIN": self._domain,
            "COERCEVIAIO": self._converted,
            "CONVERTROWTYPEEXPR": self._converted,
            "ARRAYCOERCEEXPR": self._converted_array,
            "FIELDSELECT": self._field,
            "SQLVALUEFUNCTION": self._sql_value,
            "JSONISPREDICATE": self._converted_expr,
            "AGGREF": self._aggregate,
            "WINDOWFUNC": self._window,
            **dict.fromkeys(
                (
                    "NULLTEST",
                    "BOOLEANTEST",
                    "DISTINCTEXPR",
                    "ROWEXPR",
                    "GROUPINGFUNC",
                    "NEXTVALUEEXPR",
                    "MERGESUPPORTFUNC",
                ),
                self._never_null,
            ),
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

    def _variable(self, expression: Node, view: View) -> Fact:
        place = view.locate(expression)
        fact = self._column(view.at(place.level), replace(place, level=0))
        return not_null(fact) if place.level and view.knows(place) else fact

    def _column(self, view: View, place: Place) -> Fact:
        if view.grouped:
            fact = self._column(replace(view, grouped=False), place)
            if place in view.late:
                return not_null(fact)
            nulled = self._tables.nulled_by_grouping(view.scope, place)
            return maybe_null(fact) if nulled else fact
        match view.scope.kind(place.table):
            case Kind.GROUP:
                expressions = view.scope.entry(place.table).nodes("groupexprs")
                return self.describe(expressions[place.column - 1], view)
            case Kind.JOIN if place.column > 0:
                fact = self._merged(view, place.table, place.column)
            case _:
                fact = self._stored(view, place)
        if view.knows(place):
            return not_null(fact)
        if place in view.in_table:
            fact = not_null(fact)
        happened = view.scope.events.get(place.table, frozenset()) - view.unhappened
        is_absent = place.table in view.absent
        return maybe_null(fact) if happened or is_absent else fact

    def _stored(self, view: View, place: Place) -> Fact:
        scope = view.scope
        if place.version != "0" and not scope.has_version(place.version):
            return UNKNOWN
        if place.column > 0:
            return self._of_table(view, place)
        kind = scope.kind(place.table)
        if place.column < 0:
            known = kind == Kind.RELATION and place.column in {_TABLE_OID, _CTID}
        else:
            known = kind in {Kind.RELATION, Kind.SUBQUERY, Kind.CTE}
        return NEVER_NULL if known else UNKNOWN

    def _of_table(self, view: View, place: Place) -> Fact:
        scope = view.scope
        stored = self._tables.column(scope, place.table, place.column)
        is_target = place.table == scope.query.number("resultRelation")
        if not (view.written and is_target) or place.version == _OLD:
            return stored
        written = self._tables.written(scope, place.column)
        if written is None:
            return stored
        value = self.describe(written, self._tables.rows(scope))
        return replace(stored, nullable=stored.nullable and value.nullable)

    def _merged(self, view: View, index: int, number: int) -> Fact:
        """Describe a column of JOIN … USING that is made of both sides."""
        merged = view.scope.entry(index).items("joinaliasvars")[number - 1]
        if not isinstance(merged, Node):
            return UNKNOWN
        if merged.kind != "COALESCEEXPR":
            return self.describe(merged, view)
        # Where one side is missing the other is there: both count as if they were.
        both = frozenset({(index, "left"), (index, "right")})
        there = replace(view, unhappened=view.unhappened | both)
        return either(self.describe_all(merged.nodes("args"), there))

    def _constant(self, expression: Node, _: View) -> Fact:
        if expression.flag("constisnull"):
            return NULL
        octets = expression.octets("constvalue")
        type_oid = expression.number("consttype")
        if type_oid in TEXT_TYPES:
            text = octets[4:].decode(errors="replace")
            return Fact(nullable=False, values=frozenset({text}))
        if type_oid == _JSONB:
            return Fact(nullable=False, json_kind=_json_kind(octets))
        if type_oid in self._catalogue.array_types:
            # The third word of an array is 0 when it has no nulls.
            has_nulls = any(octets[8:12])
            return Fact(nullable=False, elements_nullable=has_nulls)
        return NEVER_NULL

    def _parameter(self, expression: Node, view: View) -> Fact:
        match expression.number("paramkind"):
            case 0:
                known = view.scope.environment.parameters
                nullable = known.get(expression.number("paramid"), True)
                return Fact(nullable=nullable, elements_nullable=False)
            case 2:  # a column of the subquery of IN, ANY, ALL: see _sublink
                return NEVER_NULL
        return UNKNOWN

    def _call(self, expression: Node, view: View) -> Fact:
        oid = self._narrowing.function_of(expression)
        function = self._catalogue.functions.get(oid)
        unknown = ("funcretset", "opretset", "funcvariadic")
        if (
            function is None
            or oid not in self._catalogue.never_null
            or any(map(expression.flag, unknown))
        ):
            return UNKNOWN
        arguments = self.describe_all(expression.nodes("args"), view)
        allowed, signature = self._catalogue.allowed, function.signature
        nullable = signature not in allowed.of_anything and any(
            argument.nullable for argument in arguments
        )
        return Fact(
            nullable=nullable,
            elements_nullable=_may_hold_nulls(signature, arguments),
            json_kind=_JSON_KINDS.get(signature),
        )

    def _strict(self, expression: Node, view: View) -> Fact:
        facts = self.describe_all(expression.nodes("args"), view)
        return Fact(nullable=any(fact.nullable for fact in facts))

    def _array_test(self, expression: Node, view: View) -> Fact:
        function = self._narrowing.function_of(expression)
        scalar, array = self.describe_all(expression.nodes("args"), view)
        known = function in self._catalogue.never_null
        unsure = scalar.nullable or array.nullable or array.elements_nullable
        return Fact(nullable=not known or unsure)

    def _row_comparison(self, expression: Node, view: View) -> Fact:
        parts = expression.nodes("largs") + expression.nodes("rargs")
        facts = self.describe_all(parts, view)
        return Fact(nullable=any(fact.nullable for fact in facts))

    def _case(self, expression: Node, view: View) -> Fact:
        compared = expression.child("arg")
        facts: list[Fact] = []
        for when in expression.nodes("args"):
            condition = when.child("expr")
            if compared is not None and condition is not None:
                condition = _with_compared(condition, compared)
            so = view.assuming(self._narrowing.learn(condition, TRUE, view))
            facts.append(self.describe(when.child("result"), so))
            view = view.assuming(self._narrowing.learn(condition, NOT_TRUE, view))
        facts.append(self.describe(expression.child("defresult"), view))
        return either(facts)

    def _first_not_null(self, expression: Node, view: View) -> Fact:
        facts = self.describe_all(expression.nodes("args"), view)
        nullable = all(fact.nullable for fact in facts)
        return replace(either(facts), nullable=nullable)

    def _null_if(self, expression: Node, view: View) -> Fact:
        return maybe_null(self.describe(expression.nodes("args")[0], view))

    def _sublink(self, expression: Node, view: View) -> Fact:
        query = expression.the("subselect")
        match expression.number("subLinkType"):
            case 0:  # EXISTS
                return NEVER_NULL
            case 1 | 2:  # ALL, ANY, IN
                columns, _ = self._tables.subquery(query, view)
                if any(column.nullable for column in columns):
                    return UNKNOWN
                return self.describe(expression.child("testexpr"), view)
            case 4:  # the one value of the one row
                columns, always_a_row = self._tables.subquery(query, view)
                return columns[0] if always_a_row else maybe_null(columns[0])
            case 6:  # ARRAY
                columns, _ = self._tables.subquery(query, view)
                return Fact(nullable=False, elements_nullable=columns[0].nullable)
        return UNKNOWN

    def _array(self, expression: Node, view: View) -> Fact:
        elements = self.describe_all(expression.nodes("elements"), view)
        nested = expression.flag("multidims")
        nullable = any(
            element.elements_nullable if nested else element.nullable
            for element in elements
        )
        return Fact(nullable=False, elements_nullable=nullable)

    def _relabelled(self, expression: Node, view: View) -> Fact:
        return self.describe(expression.child("arg"), view)

    def _domain(self, expression: Node, view: View) -> Fact:
        fact = self.describe(expression.child("arg"), view)
        if fact.values is None:
            known = self._catalogue.domain(expression.number("resulttype"))
            return replace(fact, values=known.values, origin=None)
        return fact

    def _converted(self, expression: Node, view: View) -> Fact:
        return Fact(nullable=self.describe(expression.child("arg"), view).nullable)

    def _converted_expr(self, expression: Node, view: View) -> Fact:
        return Fact(nullable=self.describe(expression.child("expr"), view).nullable)

    def _converted_array(self, expression: Node, view: View) -> Fact:
        fact = self.describe(expression.child("arg"), view)
        conversion = expression.child("elemexpr")
        same = conversion is not None and conversion.kind in {
            "RELABELTYPE",
            "COERCEVIAIO",
        }
        elements_nullable = fact.elements_nullable or not same
        return Fact(nullable=fact.nullable, elements_nullable=elements_nullable)

    def _field(self, expression: Node, view: View) -> Fact:
        """Describe a field of a table's row; of other composite values: unknown."""
        row = expression.child("arg")
        if row is None or row.kind != "VAR" or row.number("varattno"):
            return UNKNOWN
        number = str(expression.number("fieldnum"))
        column = Node("VAR", {**row.fields, "varattno": number})
        scope = view.at(row.number("varlevelsup")).scope
        if scope.kind(row.number("varno")) != Kind.RELATION:
            return UNKNOWN
        return self.describe(column, view)

    def _sql_value(self, expression: Node, _: View) -> Fact:
        return Fact(nullable=expression.number("op") == _CURRENT_SCHEMA)

    def _aggregate(self, expression: Node, view: View) -> Fact:
        known = self._catalogue.functions[expression.number("aggfnoid")]
        if expression.number("agglevelsup"):
            return Fact(nullable=known.name != "count")
        rows = self._tables.rows(view.scope)
        arguments = [
            self.describe(entry.child("expr"), rows)
            for entry in expression.nodes("args")
            if not entry.flag("resjunk")
        ]
        has_rows = self._tables.groups_have_rows(view.scope)
        return describe_aggregate(
            known,
            arguments,
            self._catalogue.allowed,
            has_rows=has_rows and expression.child("aggfilter") is None,
        )

    def _window(self, expression: Node, view: View) -> Fact:
        known = self._catalogue.functions[expression.number("winfnoid")]
        arguments = self.describe_all(expression.nodes("args"), view)
        (window,) = (
            window
            for window in view.scope.query.nodes("windowClause")
            if window.number("winref") == expression.number("winref")
        )
        return describe_window(
            known,
            arguments,
            self._catalogue.allowed,
            frame=window.number("frameOptions"),
            is_filtered=expression.child("aggfilter") is not None,
        )


def _may_hold_nulls(signature: str, arguments: list[Fact]) -> bool:
    if signature not in _MADE_OF:
        return True
    arrays, elements = _MADE_OF[signature]
    return any(array.elements_nullable for array in arguments[arrays]) or any(
        element.nullable for element in arguments[elements]
    )


def _with_compared(node: Node, compared: Node) -> Node:
    """Put what a CASE compares in place of the mark that stands for it."""
    if node.kind == "CASETESTEXPR":
        return compared
    if node.kind == "CASEEXPR":
        return node
    fields = {
        name: _with_compared(value, compared)
        if isinstance(value, Node)
        else [
            _with_compared(item, compared) if isinstance(item, Node) else item
            for item in value
        ]
        if isinstance(value, list)
        else value
        for name, value in node.fields.items()
    }
    return Node(node.kind, fields)


def _json_kind(octets: bytes) -> str | None:
    """Read the kind off a jsonb's header, the word after its length."""
    header = int.from_bytes(octets[4:8], "little")
    if header & _JSON_OBJECT:
        return "object"
    return "array" if header & _JSON_ARRAY and not header & _JSON_SCALAR else None
