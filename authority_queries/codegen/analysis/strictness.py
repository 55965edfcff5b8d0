"""What cannot have been null because a value made of it is not."""

from collections.abc import Iterator
from typing import Final

from authority_queries.codegen.analysis.catalogue import Catalogue, Function
from authority_queries.codegen.analysis.keys import Key
from authority_queries.codegen.analysis.kinds import Sublink
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.outcomes import NOT_NULL, TRUE, Outcomes
from authority_queries.codegen.analysis.view import View

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


class Strictness:
    """Follows a value to the parts whose null would have made it null."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def implied(
        self, value: Node, view: View, outcomes: Outcomes = NOT_NULL
    ) -> Iterator[Key]:
        """Give what is not null when this value is not, or came to one of these."""
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

    def _strict_in_array_test(self, value: Node, outcomes: Outcomes) -> list[Node]:
        """Mind that of an empty array ANY is false and ALL true, even of a null."""
        scalar, array = value.nodes("args")
        # An array of arrays can be empty for all that: array['{}'::int[]].
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
