"""What a condition's outcome proves: which values cannot have been null."""

from collections.abc import Iterator
from enum import IntEnum, StrEnum
from functools import reduce
from typing import Final

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.scope import Key, View


class Outcome(StrEnum):
    """What a condition can have come to."""

    TRUE = "true"
    FALSE = "false"
    NULL = "null"


TRUE: Final = frozenset({Outcome.TRUE})
FALSE: Final = frozenset({Outcome.FALSE})
NOT_TRUE: Final = frozenset({Outcome.FALSE, Outcome.NULL})
NOT_FALSE: Final = frozenset({Outcome.TRUE, Outcome.NULL})
NOT_NULL: Final = TRUE | FALSE
Outcomes = frozenset[Outcome]
_NEGATED: Final = {
    Outcome.TRUE: Outcome.FALSE,
    Outcome.FALSE: Outcome.TRUE,
    Outcome.NULL: Outcome.NULL,
}
# What IS TRUE and its kin say when they are true, and when they are false, in the
# order of PostgreSQL's BoolTestType.
_TESTS: Final = [
    (TRUE, NOT_TRUE),
    (NOT_TRUE, TRUE),
    (FALSE, NOT_FALSE),
    (NOT_FALSE, FALSE),
    (frozenset({Outcome.NULL}), NOT_NULL),
    (NOT_NULL, frozenset({Outcome.NULL})),
]
# Null of null, in the field that is named.
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
_ANY_SUBLINK: Final = 2


class NullTest(IntEnum):
    """PostgreSQL's kinds of NullTest."""

    IS_NULL = 0
    IS_NOT_NULL = 1


class Narrowing:
    """Reads conditions. It never says too much: of what it does not know, nothing."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def learn(
        self, condition: Node | None, outcomes: Outcomes, view: View
    ) -> frozenset[Key]:
        """Give what is not null when the condition came to one of these outcomes."""
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
            case Node() if Outcome.NULL not in outcomes:
                return frozenset(self._implied(condition, view, outcomes))
        return frozenset()

    def _learn_from_logic(
        self, condition: Node, outcomes: Outcomes, view: View
    ) -> frozenset[Key]:
        operator, arguments = condition.text("boolop"), condition.nodes("args")
        if operator == "not":
            negated = frozenset(_NEGATED[outcome] for outcome in outcomes)
            return self.learn(arguments[0], negated, view)
        # All arguments of an AND are true, or not false, when it is; else one is not.
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
        self, condition: Node, outcomes: Outcomes, view: View
    ) -> frozenset[Key]:
        argument = condition.child("arg")
        test = condition.number("nulltesttype")
        is_true, is_false = outcomes <= NOT_FALSE, outcomes <= NOT_TRUE
        if argument is None or not (is_true if test else is_false):
            return frozenset()
        if argument.kind == "ROWEXPR":
            # Not null as a whole means: all of it not null.
            parts = argument.nodes("args") if test == NullTest.IS_NOT_NULL else []
            return frozenset(key for part in parts for key in self.implied(part, view))
        return frozenset(self.implied(argument, view))

    def _learn_from_test(
        self,
        condition: Node,
        when: tuple[Outcomes, Outcomes],
        outcomes: Outcomes,
        view: View,
    ) -> frozenset[Key]:
        if outcomes <= NOT_FALSE:
            return self.learn(condition.child("arg"), when[0], view)
        if outcomes <= NOT_TRUE:
            return self.learn(condition.child("arg"), when[1], view)
        return frozenset()

    def _learn_from_equality(
        self, condition: Node, outcomes: Outcomes, view: View
    ) -> frozenset[Key]:
        """Learn that what is not distinct from a constant is not null."""
        if not outcomes <= NOT_TRUE:
            return frozenset()
        one, other = condition.nodes("args")
        found: set[Key] = set()
        for constant, value in ((one, other), (other, one)):
            if constant.kind == "CONST" and not constant.flag("constisnull"):
                found.update(self.implied(value, view))
        return frozenset(found)

    def implied(self, value: Node, view: View) -> Iterator[Key]:
        """Give what is not null when this value is not."""
        return self._implied(value, view, NOT_NULL)

    def _implied(self, value: Node, view: View, outcomes: Outcomes) -> Iterator[Key]:
        if value.flag("funcretset") or value.flag("opretset"):
            return
        if self._is_the_same_each_time(value):
            yield view.key(value)
        for part in self._strict_in(value, outcomes):
            yield from self.implied(part, view)

    def _strict_in(self, value: Node, outcomes: Outcomes) -> list[Node]:
        """Give the parts of which none is null when the value came out so."""
        arguments = value.nodes("args")
        match value.kind:
            case "FUNCEXPR" | "OPEXPR" if self._is_strict(self.function_of(value)):
                parts: list[Node | None] = [*arguments]
            case "SCALARARRAYOPEXPR" if self._is_strict(self.function_of(value)):
                parts = [*self._strict_in_array_test(value, outcomes)]
            case "BOOLEXPR" if value.text("boolop") == "not":
                parts = [*arguments]
            case "NULLIFEXPR":
                parts = [*arguments[:1]]
            case "ROWCOMPAREEXPR":
                parts = [value.nodes("largs")[0], value.nodes("rargs")[0]]
            case "SUBLINK" if (
                value.number("subLinkType") == _ANY_SUBLINK and outcomes == TRUE
            ):
                parts = [value.child("testexpr")]
            case "SUBSCRIPTINGREF" if value.child("refassgnexpr") is None:
                parts = [value.child("refexpr")]
            case kind:
                parts = [value.child(_NULL_OF_NULL.get(kind, ""))]
        return [part for part in parts if part is not None]

    def _strict_in_array_test(self, value: Node, outcomes: Outcomes) -> list[Node]:
        """Mind that of an empty array ANY is false and ALL true, even of a null."""
        scalar, array = value.nodes("args")
        has_elements = array.kind == "ARRAYEXPR" and bool(array.nodes("elements"))
        if has_elements or (value.flag("useOr") and outcomes == TRUE):
            return [scalar, array]
        return [array]

    def function_of(self, operation: Node) -> int:
        """Give the oid of the function of a call or behind an operator."""
        known = operation.number("funcid") or operation.number("opfuncid")
        if known:
            return known
        _, function = self._catalogue.operators[operation.number("opno")]
        return function

    def _is_strict(self, function: int) -> bool:
        known = self._catalogue.functions.get(function)
        return known is not None and known.is_strict

    def _is_the_same_each_time(self, value: Node) -> bool:
        match value.kind:
            case "SUBLINK" | "NEXTVALUEEXPR" | "QUERY" | "CASETESTEXPR":
                return False
            case kind if kind in _CALLS:
                known = self._catalogue.functions.get(self.function_of(value))
                if known is None or known.is_volatile:
                    return False
        return all(map(self._is_the_same_each_time, value.children()))
