"""What a condition's outcome proves: which values cannot have been null."""

from functools import reduce
from typing import Final

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.keys import Key
from authority_queries.codegen.analysis.kinds import NullTest
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.outcomes import (
    FALSE,
    NEGATED,
    NOT_FALSE,
    NOT_NULL,
    NOT_TRUE,
    TRUE,
    Outcome,
    Outcomes,
)
from authority_queries.codegen.analysis.strictness import Strictness
from authority_queries.codegen.analysis.view import View

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


class Narrowing:
    """Reads conditions. It never says too much: of what it does not know, nothing."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._strictness = Strictness(catalogue)

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
                return frozenset(self._strictness.implied(condition, view, outcomes))
        return frozenset()

    def _learn_from_logic(
        self, condition: Node, outcomes: Outcomes, view: View
    ) -> frozenset[Key]:
        operator, arguments = condition.text("boolop"), condition.nodes("args")
        if operator == "not":
            negated = frozenset(NEGATED[outcome] for outcome in outcomes)
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
        else:
            parts = [argument]
        return self._implied(parts, view)

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
