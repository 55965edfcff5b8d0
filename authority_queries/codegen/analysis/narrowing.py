"""Values that a condition's outcome proves to be not null."""

from collections.abc import Iterator
from enum import StrEnum
from functools import reduce
from typing import Final, TypeAlias

from authority_queries.codegen.analysis.catalogue import Catalogue, Function
from authority_queries.codegen.analysis.keys import Key
from authority_queries.codegen.analysis.node_kinds import NullTest, Sublink
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import View

# Expressions that are null when the named field is null.
_NULL_OF_NULL: Final = {
    "RELABELTYPE": "arg",
    "COERCEVIAIO": "arg",
    "ARRAYCOERCEEXPR": "arg",
    "CONVERTROWTYPEEXPR": "arg",
    "COLLATEEXPR": "arg",
    "COERCETODOMAIN": "arg",
    "FIELDSELECT": "arg",
}
_CALLS: Final = frozenset(
    {"FUNCEXPR", "OPEXPR", "SCALARARRAYOPEXPR", "DISTINCTEXPR", "NULLIFEXPR"}
)


class Truth(StrEnum):
    """One of the three truth values of SQL."""

    TRUE = "true"
    FALSE = "false"
    NULL = "null"


TRUE: Final = frozenset({Truth.TRUE})
FALSE: Final = frozenset({Truth.FALSE})
NOT_TRUE: Final = frozenset({Truth.FALSE, Truth.NULL})
NOT_FALSE: Final = frozenset({Truth.TRUE, Truth.NULL})
NOT_NULL: Final = TRUE | FALSE
Truths: TypeAlias = frozenset[Truth]
NEGATED: Final = {
    Truth.TRUE: Truth.FALSE,
    Truth.FALSE: Truth.TRUE,
    Truth.NULL: Truth.NULL,
}
# The argument's outcomes when IS TRUE, IS NOT TRUE and so on are true, and when they
# are false, in the order of PostgreSQL's BoolTestType.
_TESTS: Final = [
    (TRUE, NOT_TRUE),
    (NOT_TRUE, TRUE),
    (FALSE, NOT_FALSE),
    (NOT_FALSE, FALSE),
    (frozenset({Truth.NULL}), NOT_NULL),
    (NOT_NULL, frozenset({Truth.NULL})),
]


class Narrowing:
    """Reads conditions. It learns nothing from a condition that it does not know."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._strictness = Strictness(catalogue)

    def learn(
        self, condition: Node | None, outcomes: Truths, view: View
    ) -> frozenset[Key]:
        """Return what is not null when the condition had one of these outcomes."""
        match condition:
            case Node(kind="BOOLEXPR"):
                return self._learn_from_logic(condition, outcomes, view)
            case Node(kind="NULLTEST"):
                return self._learn_from_null_test(condition, outcomes, view)
            case Node(kind="BOOLEANTEST"):
                when = _TESTS[condition.number("booltesttype")]
                return self._learn_from_test(condition, when, outcomes, view)
            case Node(kind="DISTINCTEXPR"):
                return self._learn_from_equality(condition, outcomes, view)
            case Node() if Truth.NULL not in outcomes:
                return frozenset(self._strictness.implied(condition, view, outcomes))
        return frozenset()

    def _learn_from_logic(
        self, condition: Node, outcomes: Truths, view: View
    ) -> frozenset[Key]:
        operator, arguments = condition.text("boolop"), condition.nodes("args")
        if operator == "not":
            negated = frozenset(NEGATED[outcome] for outcome in outcomes)
            return self.learn(arguments[0], negated, view)
        # AND is true when all arguments are; it is false when one of them is.
        all_so, one_so = (
            ((TRUE, NOT_FALSE), (FALSE, NOT_TRUE))
            if operator == "and"
            else ((FALSE, NOT_TRUE), (TRUE, NOT_FALSE))
        )
        learnt = [self.learn(argument, outcomes, view) for argument in arguments]
        if outcomes in all_so:
            return frozenset().union(*learnt)
        if outcomes in one_so:
            return reduce(frozenset.intersection, learnt)
        return frozenset()

    def _learn_from_null_test(
        self, condition: Node, outcomes: Truths, view: View
    ) -> frozenset[Key]:
        argument = condition.child("arg")
        test = condition.number("nulltesttype")
        is_true, is_false = outcomes <= NOT_FALSE, outcomes <= NOT_TRUE
        if argument is None or not (is_true if test else is_false):
            return frozenset()
        if argument.kind == "ROWEXPR":
            # A row IS NOT NULL only when all its fields are not null.
            parts = argument.nodes("args") if test == NullTest.IS_NOT_NULL else []
        else:
            parts = [argument]
        return self._implied(parts, view)

    def _learn_from_test(
        self,
        condition: Node,
        when: tuple[Truths, Truths],
        outcomes: Truths,
        view: View,
    ) -> frozenset[Key]:
        if outcomes <= NOT_FALSE:
            return self.learn(condition.child("arg"), when[0], view)
        if outcomes <= NOT_TRUE:
            return self.learn(condition.child("arg"), when[1], view)
        return frozenset()

    def _learn_from_equality(
        self, condition: Node, outcomes: Truths, view: View
    ) -> frozenset[Key]:
        """Learn that a value is not null that IS NOT DISTINCT FROM a constant."""
        if not outcomes <= NOT_TRUE:
            return frozenset()
        one, other = condition.nodes("args")
        values = [
            value
            for constant, value in ((one, other), (other, one))
            if constant.kind == "CONST" and not constant.flag("constisnull")
        ]
        return self._implied(values, view)

    def _implied(self, values: list[Node], view: View) -> frozenset[Key]:
        return frozenset().union(
            *(self._strictness.implied(value, view) for value in values)
        )


class Strictness:
    """Finds the parts of a value whose null would make the value null."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def implied(
        self, value: Node, view: View, outcomes: Truths = NOT_NULL
    ) -> Iterator[Key]:
        """Return what is not null when this value had one of these outcomes."""
        if value.flag("funcretset") or value.flag("opretset"):
            return
        if self._is_the_same_each_time(value):
            yield view.key(value)
        for part in self._strict_in(value, outcomes):
            yield from self.implied(part, view)

    def _strict_in(self, value: Node, outcomes: Truths) -> list[Node]:
        """Return the parts that are not null when the value had these outcomes."""
        arguments = value.nodes("args")
        match value.kind:
            case "FUNCEXPR" | "OPEXPR" if self._is_strict(value):
                parts: list[Node | None] = [*arguments]
            case "SCALARARRAYOPEXPR" if self._is_strict(value):
                parts = [*self._strict_in_array_test(value, outcomes)]
            case "BOOLEXPR" if value.text("boolop") == "not":
                parts = [*arguments]
            case "NULLIFEXPR":
                parts = [*arguments[:1]]
            case "ROWCOMPAREEXPR":
                parts = [value.nodes("largs")[0], value.nodes("rargs")[0]]
            case "SUBLINK" if (
                value.number("subLinkType") == Sublink.ANY and outcomes == TRUE
            ):
                parts = [value.child("testexpr")]
            case "SUBSCRIPTINGREF" if value.child("refassgnexpr") is None:
                parts = [value.child("refexpr")]
            case kind:
                parts = [value.child(_NULL_OF_NULL.get(kind, ""))]
        return [part for part in parts if part is not None]

    def _strict_in_array_test(self, value: Node, outcomes: Truths) -> list[Node]:
        """Return the parts; for an empty array ANY is false and ALL is true."""
        scalar, array = value.nodes("args")
        # An array of arrays can have no elements: array['{}'::int[]].
        has_elements = (
            array.kind == "ARRAYEXPR"
            and not array.flag("multidims")
            and bool(array.nodes("elements"))
        )
        if has_elements or (value.flag("useOr") and outcomes == TRUE):
            return [scalar, array]
        return [array]

    def _function(self, call: Node) -> Function | None:
        return self._catalogue.functions.get(self._catalogue.function_of(call))

    def _is_strict(self, call: Node) -> bool:
        known = self._function(call)
        return known is not None and known.is_strict

    def _is_the_same_each_time(self, value: Node) -> bool:
        match value.kind:
            case "SUBLINK" | "NEXTVALUEEXPR" | "QUERY" | "CASETESTEXPR":
                return False
            case kind if kind in _CALLS:
                known = self._function(value)
                if known is None or known.is_volatile:
                    return False
        return all(map(self._is_the_same_each_time, value.children()))
