"""The types of expressions' values, as far as query trees spell them."""

from typing import Final

from authority_queries.codegen.analysis.nodes import Node

_FIELDS: Final = {
    "VAR": "vartype",
    "CONST": "consttype",
    "PARAM": "paramtype",
    "FUNCEXPR": "funcresulttype",
    "OPEXPR": "opresulttype",
    "NULLIFEXPR": "opresulttype",
    "CASEEXPR": "casetype",
    "COALESCEEXPR": "coalescetype",
    "MINMAXEXPR": "minmaxtype",
    "ARRAYEXPR": "array_typeid",
    "AGGREF": "aggtype",
    "WINDOWFUNC": "wintype",
    "SQLVALUEFUNCTION": "type",
    "RELABELTYPE": "resulttype",
    "COERCEVIAIO": "resulttype",
    "COERCETODOMAIN": "resulttype",
    "ARRAYCOERCEEXPR": "resulttype",
    "FIELDSELECT": "resulttype",
    "CONVERTROWTYPEEXPR": "resulttype",
    "ROWEXPR": "row_typeid",
    "NEXTVALUEEXPR": "typeId",
}
_BOOLEAN: Final = 16
_TESTS: Final = frozenset(
    {
        "BOOLEXPR",
        "BOOLEANTEST",
        "DISTINCTEXPR",
        "JSONISPREDICATE",
        "NULLTEST",
        "ROWCOMPAREEXPR",
        "SCALARARRAYOPEXPR",
    }
)


def type_of(expression: Node) -> int | None:
    """Give the oid of an expression's type, or nothing where it takes more to know."""
    if expression.kind in _TESTS:
        return _BOOLEAN
    return expression.number(_FIELDS.get(expression.kind, "")) or None
