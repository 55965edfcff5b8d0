"""What is known of a constant, read from its octets."""

from typing import Final

from authority_queries.codegen.analysis.catalogue import TEXT_TYPES, Catalogue
from authority_queries.codegen.analysis.facts import NEVER_NULL, NULL
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.model import Fact

_JSONB: Final = 3802
_INTEGERS: Final = frozenset({20, 21, 23})
_JSON_OBJECT: Final = 0x20000000
_JSON_ARRAY: Final = 0x40000000
_JSON_SCALAR: Final = 0x10000000


def describe_constant(constant: Node, catalogue: Catalogue) -> Fact:
    """Describe a constant: a text is itself, a jsonb has a kind."""
    if constant.flag("constisnull"):
        return NULL
    octets = constant.octets("constvalue")
    type_oid = constant.number("consttype")
    if type_oid in TEXT_TYPES:
        text = octets[4:].decode(errors="replace")
        return Fact(nullable=False, values=frozenset({text}))
    if type_oid == _JSONB:
        return Fact(nullable=False, json_kind=_json_kind(octets))
    if type_oid in catalogue.array_types:
        # The third word of an array is 0 when it has no nulls.
        has_nulls = any(octets[8:12])
        return Fact(nullable=False, elements_nullable=has_nulls)
    return NEVER_NULL


def integer_of(constant: Node) -> int | None:
    """Give the value of an integer constant."""
    if constant.number("consttype") not in _INTEGERS:
        return None
    return int.from_bytes(constant.octets("constvalue"), "little", signed=True)


def _json_kind(octets: bytes) -> str | None:
    """Read the kind off a jsonb's header, the word after its length."""
    header = int.from_bytes(octets[4:8], "little")
    if header & _JSON_OBJECT:
        return "object"
    return "array" if header & _JSON_ARRAY and not header & _JSON_SCALAR else None
