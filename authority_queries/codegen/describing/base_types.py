"""The Python types of PostgreSQL's base types."""

from typing import Final

from authority_queries.codegen.describing.pg_types import PgType
from authority_queries.codegen.describing.python_type import (
    BUILTINS,
    JSON_VALUE,
    RUNTIME,
    Literals,
    Part,
    PythonType,
    UnknownTypeError,
    one_of,
)
from authority_queries.codegen.model import Fact

_ADDRESSES: Final = "ipaddress"
_TEXTS: Final = frozenset({"text", "varchar", "bpchar", "name", "citext"})
_TEXT: Final = one_of(BUILTINS, "str")
_INT: Final = one_of(BUILTINS, "int")
_FLOAT: Final = one_of(BUILTINS, "float")
_BASES: Final[dict[str, tuple[tuple[Part, ...], str | None]]] = {
    "bool": (one_of(BUILTINS, "bool"), None),
    "int2": (_INT, "int2"),
    "int4": (_INT, "int4"),
    "int8": (_INT, "int8"),
    "oid": (_INT, "int8"),
    # An int is allowed where a float is, and psycopg would send it as one.
    "float4": (_FLOAT, "float"),
    "float8": (_FLOAT, "float"),
    "numeric": (one_of("decimal", "Decimal"), None),
    **dict.fromkeys(sorted(_TEXTS), (_TEXT, None)),
    "char": (_TEXT, None),
    "macaddr": (_TEXT, None),
    "macaddr8": (_TEXT, None),
    "uuid": (one_of("uuid", "UUID"), None),
    "bytea": (one_of(BUILTINS, "bytes"), None),
    "date": (one_of("datetime", "date"), None),
    "time": (one_of("datetime", "time"), None),
    "timetz": (one_of("datetime", "time"), None),
    "timestamp": (one_of("datetime", "datetime"), "naive"),
    "timestamptz": (one_of("datetime", "datetime"), "aware"),
    "interval": (one_of("datetime", "timedelta"), None),
    # An interface, which inet with a prefix is read as, is an address too.
    "inet": (one_of(_ADDRESSES, "IPv4Address", "IPv6Address"), None),
    "cidr": (one_of(_ADDRESSES, "IPv4Network", "IPv6Network"), None),
    "json": (JSON_VALUE, "json_text"),
    "jsonb": (JSON_VALUE, "json_value"),
}
_JSON_KINDS: Final = {"object": "JsonObject", "array": "JsonArray"}


def base_type(pg_type: PgType, fact: Fact) -> PythonType:
    """Give the type of a base type's value. Raises UnknownTypeError."""
    if pg_type.name not in _BASES:
        raise UnknownTypeError(pg_type.full_name)
    parts, conversion = _BASES[pg_type.name]
    if pg_type.name in _TEXTS and fact.values:
        values = tuple(sorted(fact.values))
        parts = (Literals(values=values, origin=fact.origin),)
    if parts == JSON_VALUE and fact.json_kind in _JSON_KINDS:
        parts = one_of(RUNTIME, _JSON_KINDS[fact.json_kind])
    return PythonType(parts=parts, conversion=conversion)


def as_argument(python_type: PythonType) -> PythonType:
    """Give the type of a parameter: a JSON value's own None could not be sent."""
    if python_type.parts != JSON_VALUE:
        return python_type
    return PythonType(
        parts=(
            *one_of(BUILTINS, "bool", "int", "float", "str"),
            " | ",
            *one_of(RUNTIME, "JsonArray", "JsonObject"),
        ),
        conversion=python_type.conversion,
    )
