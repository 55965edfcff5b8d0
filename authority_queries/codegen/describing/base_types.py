"""The Python types of PostgreSQL's base types."""

from typing import Final

from authority_queries.codegen.describing.pg_types import PgType
from authority_queries.codegen.describing.python_type import (
    BUILTINS,
    JSON_VALUE,
    RUNTIME,
    Check,
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
_BASES: Final[dict[str, tuple[tuple[Part, ...], str]]] = {
    "bool": (one_of(BUILTINS, "bool"), "boolean"),
    "int2": (_INT, "int2"),
    "int4": (_INT, "int4"),
    "int8": (_INT, "int8"),
    "oid": (_INT, "int8"),
    "float4": (_FLOAT, "real"),
    "float8": (_FLOAT, "real"),
    "numeric": (one_of("decimal", "Decimal"), "number"),
    **dict.fromkeys(sorted(_TEXTS), (_TEXT, "text")),
    "char": (_TEXT, "text"),
    "macaddr": (_TEXT, "text"),
    "macaddr8": (_TEXT, "text"),
    "uuid": (one_of("uuid", "UUID"), "uuid"),
    "bytea": (one_of(BUILTINS, "bytes"), "octets"),
    "date": (one_of("datetime", "date"), "date"),
    "time": (one_of("datetime", "time"), "time"),
    "timetz": (one_of("datetime", "time"), "time"),
    "timestamp": (one_of("datetime", "datetime"), "local_moment"),
    "timestamptz": (one_of("datetime", "datetime"), "moment"),
    "interval": (one_of("datetime", "timedelta"), "duration"),
    # An interface, which inet with a prefix is read as, is an address too.
    "inet": (one_of(_ADDRESSES, "IPv4Address", "IPv6Address"), "address"),
    "cidr": (one_of(_ADDRESSES, "IPv4Network", "IPv6Network"), "network"),
    "json": (JSON_VALUE, "json"),
    "jsonb": (JSON_VALUE, "jsonb"),
}
# What authority.is_bounded_json allows.
_BOUNDED_JSON: Final = 65_536
_JSON_KINDS: Final = {"object": "JsonObject", "array": "JsonArray"}


def base_type(pg_type: PgType, fact: Fact) -> PythonType:
    """Give the type of a base type's value. Raises UnknownTypeError."""
    if pg_type.name not in _BASES:
        raise UnknownTypeError(pg_type.full_name)
    parts, name = _BASES[pg_type.name]
    check = Check(name=name)
    if pg_type.name in _TEXTS and fact.values:
        values = tuple(sorted(fact.values))
        parts = (Literals(values=values, origin=fact.origin),)
        check = Check(name="one_of", made_of=values)
    elif name in {"text", "octets"}:
        check = Check(name=name, made_of=_bounds(fact))
    if parts == JSON_VALUE:
        check = Check(name=name, made_of=_document(fact))
        if fact.json_kind in _JSON_KINDS:
            parts = one_of(RUNTIME, _JSON_KINDS[fact.json_kind])
    return PythonType(parts=parts, check=check)


def _bounds(fact: Fact) -> tuple[int, ...]:
    least, most = fact.size or (0, None)
    return (least,) if most is None and least else () if most is None else (least, most)


def _document(fact: Fact) -> tuple[str | int, ...]:
    kind = fact.json_kind if fact.json_kind in _JSON_KINDS else ""
    if fact.rule == ("is_bounded_json",):
        return kind or "", _BOUNDED_JSON
    return (kind,) if kind else ()


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
        check=python_type.check,
    )
