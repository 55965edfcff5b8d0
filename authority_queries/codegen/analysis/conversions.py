"""What is left of what is known of a value when it is cast to another type."""

from dataclasses import replace
from typing import Final

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.tables import ByKind, Describe
from authority_queries.codegen.analysis.view import View
from authority_queries.codegen.model import Fact

_KEEPS_NULLS: Final = frozenset({"RELABELTYPE", "COERCEVIAIO"})


class Conversions:
    """Describes casts. A null stays a null, and nothing else becomes one."""

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
        """Describe a value that the checks of a domain let through."""
        fact = self._describe(expression.child("arg"), view)
        if fact.values is None:
            known = self._catalogue.domain(expression.number("resulttype"))
            return replace(fact, values=known.values, origin=None)
        return fact

    def _converted(self, expression: Node, view: View) -> Fact:
        """Describe a value that is made anew of its text, or field by field."""
        return Fact(nullable=self._describe(expression.child("arg"), view).nullable)

    def _converted_array(self, expression: Node, view: View) -> Fact:
        """Describe an array whose elements are cast one by one."""
        fact = self._describe(expression.child("arg"), view)
        element = expression.child("elemexpr")
        same = element is not None and element.kind in _KEEPS_NULLS
        elements_nullable = fact.elements_nullable or not same
        return Fact(nullable=fact.nullable, elements_nullable=elements_nullable)
