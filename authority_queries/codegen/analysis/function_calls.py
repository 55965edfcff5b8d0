"""Facts of the results of functions and operators."""

from typing import Final

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import View
from authority_queries.codegen.analysis.tables import ByKind, Describe
from authority_queries.codegen.facts import UNKNOWN, Fact

_NOT_PLAIN: Final = ("funcretset", "opretset", "funcvariadic")
_JSON_KINDS: Final = {
    'json_build_object("any")': "object",
    "json_build_object()": "object",
    'jsonb_build_object("any")': "object",
    "jsonb_build_object()": "object",
    'jsonb_build_array("any")': "array",
    "jsonb_build_array()": "array",
}
# Functions that build arrays: which arguments are arrays, and which are elements.
_MADE_OF: Final[dict[str, tuple[slice, slice]]] = {
    "array_append(anycompatiblearray,anycompatible)": (slice(0, 1), slice(1, 2)),
    "array_prepend(anycompatible,anycompatiblearray)": (slice(1, 2), slice(0, 1)),
    "array_cat(anycompatiblearray,anycompatiblearray)": (slice(0, 2), slice(0)),
    "array_remove(anycompatiblearray,anycompatible)": (slice(0, 1), slice(0)),
    "string_to_array(text,text)": (slice(0), slice(0)),
    "regexp_split_to_array(text,text)": (slice(0), slice(0)),
}


class FunctionCalls:
    """Describes calls of the functions in never_null.txt. Other results are unknown."""

    def __init__(self, catalogue: Catalogue, describe: Describe) -> None:
        self._catalogue = catalogue
        self._describe = describe
        self.by_kind: ByKind = {
            "FUNCEXPR": self._call,
            "OPEXPR": self._call,
            "SCALARARRAYOPEXPR": self._array_test,
            "BOOLEXPR": self._logic,
            "DISTINCTEXPR": self._distinction,
            "ROWCOMPAREEXPR": self._row_comparison,
        }

    def _call(self, expression: Node, view: View) -> Fact:
        """Describe the result of a function or an operator."""
        oid = self._catalogue.function_of(expression)
        if oid not in self._catalogue.never_null or any(
            map(expression.flag, _NOT_PLAIN)
        ):
            return UNKNOWN
        signature = self._catalogue.functions[oid].signature
        arguments = self._arguments(expression, view)
        takes_nulls = signature in self._catalogue.allowed.of_anything
        return Fact(
            nullable=not takes_nulls and _any_null(arguments),
            elements_nullable=_may_hold_nulls(signature, arguments),
            json_kind=_JSON_KINDS.get(signature),
        )

    def _logic(self, expression: Node, view: View) -> Fact:
        """Describe AND, OR and NOT."""
        return Fact(nullable=_any_null(self._arguments(expression, view)))

    def _distinction(self, expression: Node, _: View) -> Fact:
        """Describe IS DISTINCT FROM, which calls = for two values that are not null."""
        known = self._catalogue.function_of(expression) in self._catalogue.never_null
        return Fact(nullable=not known)

    def _array_test(self, expression: Node, view: View) -> Fact:
        """Describe a comparison with ANY or ALL elements of an array."""
        known = self._catalogue.function_of(expression) in self._catalogue.never_null
        scalar, array = self._arguments(expression, view)
        unsure = scalar.nullable or array.nullable or array.elements_nullable
        return Fact(nullable=not known or unsure)

    def _row_comparison(self, expression: Node, view: View) -> Fact:
        """Describe a comparison of rows by the order of their fields."""
        parts = expression.nodes("largs") + expression.nodes("rargs")
        return Fact(nullable=_any_null([self._describe(part, view) for part in parts]))

    def _arguments(self, expression: Node, view: View) -> list[Fact]:
        return [self._describe(one, view) for one in expression.nodes("args")]


def _any_null(facts: list[Fact]) -> bool:
    return any(fact.nullable for fact in facts)


def _may_hold_nulls(signature: str, arguments: list[Fact]) -> bool:
    if signature not in _MADE_OF:
        return True
    arrays, elements = _MADE_OF[signature]
    return any(array.elements_nullable for array in arguments[arrays]) or any(
        element.nullable for element in arguments[elements]
    )
