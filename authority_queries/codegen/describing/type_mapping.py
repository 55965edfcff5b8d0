"""The Python types of PostgreSQL's types.

Arrays have one dimension. PostgreSQL accepts more in any array column, for which
psycopg returns nested lists. A check (`array_ndims(x) = 1`) restricts a column to one.
"""

from collections.abc import Iterator
from typing import Final

from authority_queries.codegen.describing.declared import Declared
from authority_queries.codegen.describing.pg_types import PgType, PgTypes
from authority_queries.codegen.describing.type_parts import (
    BUILTINS,
    JSON_VALUE,
    RUNTIME,
    Check,
    Composite,
    Literals,
    Part,
    PythonType,
    Registered,
    UnknownTypeError,
    one_of,
)
from authority_queries.codegen.facts import Fact
from authority_queries.codegen.python_names import cap_words
from authority_queries.codegen.query import PythonName

# Functions of checks of text[] columns, with the run time's checks for them.
_RULES: Final = {
    "authority.is_resource_list(text[])": "resource_list",
    "authority.is_scope_list(text[])": "scope_list",
    "authority.is_text_list(text[],bigint,bigint)": "text_list",
}
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
    # psycopg reads an inet with a prefix as an interface, a subclass of the address.
    "inet": (one_of(_ADDRESSES, "IPv4Address", "IPv6Address"), "address"),
    "cidr": (one_of(_ADDRESSES, "IPv4Network", "IPv6Network"), "network"),
    "json": (JSON_VALUE, "json"),
    "jsonb": (JSON_VALUE, "jsonb"),
}
# The limit of authority.is_bounded_json.
_BOUNDED_JSON: Final = 65_536
_JSON_KINDS: Final = {"object": "JsonObject", "array": "JsonArray"}


class PythonTypes:
    """The Python types for one database's types."""

    def __init__(self, pg_types: PgTypes) -> None:
        self._pg_types = pg_types

    def of(self, oid: int, fact: Fact, declared: Declared | None = None) -> PythonType:
        """Return the type of an oid, narrowed by the facts of the value.

        A declared type takes its place; for an array, it takes the elements' place. The
        type does not include None of a nullable value. Raises UnknownTypeError,
        UnfitTypeError.
        """
        pg_type = self._pg_types.type(oid)
        match pg_type.kind:
            case "array":
                return self._array(pg_type, fact, declared)
            case "domain":
                return self.of(pg_type.element, fact, declared)
        found = self._single(pg_type, fact)
        return found if declared is None else declared.of(found)

    def _single(self, pg_type: PgType, fact: Fact) -> PythonType:
        match pg_type.kind:
            case "enum":
                return _enum(pg_type)
            case "composite":
                return self._composite(pg_type)
            case "range" | "multirange" if pg_type.is_builtin:
                return self._range(pg_type)
            case "base" if pg_type.is_builtin or pg_type.is_citext:
                return _base_type(pg_type, fact)
        raise UnknownTypeError(pg_type.full_name)

    def fields(self, composite: Composite) -> Iterator[tuple[str, PythonType, str]]:
        """Yield the name, the type and the comment of each field."""
        found = self._pg_types.type(composite.oid)
        types = (self.of(oid, Fact()) for oid in found.field_types)
        yield from zip(found.field_names, types, found.field_comments, strict=True)

    def _array(
        self, pg_type: PgType, fact: Fact, declared: Declared | None
    ) -> PythonType:
        inner = self.of(pg_type.element, Fact(), declared)
        can_hold_none = fact.elements_nullable and not inner.includes_none
        return PythonType(
            parts=(
                PythonName(module="collections.abc", name="Sequence"),
                "[",
                *inner.parts,
                *((" | None",) if can_hold_none else ()),
                "]",
            ),
            check=_array_check(inner, fact, can_hold_none=can_hold_none),
            registered=inner.registered | self._registered(pg_type.element),
            is_read_as=inner.is_read_as,
        )

    def _composite(self, pg_type: PgType) -> PythonType:
        composite = Composite(
            oid=pg_type.oid, schema=pg_type.schema, type_name=pg_type.name
        )
        registered = {
            Registered(
                schema=pg_type.schema, type_name=pg_type.name, composite=composite
            )
        }
        for oid in pg_type.field_types:
            registered |= self.of(oid, Fact()).registered | self._registered(oid)
        return PythonType(
            parts=(composite,),
            check=Check(name="composite", made_of=(composite,)),
            registered=frozenset(registered),
        )

    def _registered(self, oid: int) -> frozenset[Registered]:
        """Return what psycopg must register to read arrays or composites of a type.

        PostgreSQL sends a domain's own oid inside of them, and the oid of its base type
        elsewhere.
        """
        pg_type = self._pg_types.type(oid)
        if pg_type.is_builtin or pg_type.kind in {"array", "composite"}:
            return frozenset()
        found = Registered(
            schema=pg_type.schema,
            type_name=pg_type.name,
            base=self._below(pg_type) if pg_type.kind == "domain" else None,
        )
        return frozenset({found})

    def _below(self, domain: PgType) -> str | None:
        """Return the name of the type below a domain; None for what is read as text."""
        base = domain
        while base.kind == "domain":
            base = self._pg_types.type(base.element)
        if base.kind == "array":
            return f"{self._pg_types.type(base.element).identifier}[]"
        is_text = not base.is_builtin and base.kind != "composite"
        return None if is_text else base.identifier

    def _range(self, pg_type: PgType) -> PythonType:
        name, bounds = "Range", pg_type
        if pg_type.kind == "multirange":
            name, bounds = "Multirange", self._pg_types.type(pg_type.element)
        inner = self.of(bounds.element, Fact())
        module = f"psycopg.types.{name.lower()}"
        found = PythonName(module=module, name=name)
        return PythonType(
            parts=(found, "[", *inner.parts, "]"),
            check=Check(name="instance", made_of=(found,)),
        )


def _enum(pg_type: PgType) -> PythonType:
    labels = Literals(
        values=tuple(pg_type.labels),
        name=cap_words(pg_type.name),
        schema=pg_type.schema,
    )
    check = Check(name="one_of", made_of=labels.values)
    return PythonType(parts=(labels,), check=check)


def _array_check(inner: PythonType, fact: Fact, *, can_hold_none: bool) -> Check:
    rule, *given = fact.rule or ("",)
    if rule in _RULES and inner.check.name == "text":
        return Check(name=_RULES[str(rule)], made_of=tuple(given) or None)
    element = inner.check
    if can_hold_none:
        element = Check(name="optional", made_of=(element,))
    return Check(name="array", made_of=(element,))


def _base_type(pg_type: PgType, fact: Fact) -> PythonType:
    """Return the type of a base type's value. Raises UnknownTypeError."""
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
    if fact.rule == ("authority.is_bounded_json(jsonb)",):
        return kind or "", _BOUNDED_JSON
    return (kind,) if kind else ()


def as_argument(python_type: PythonType) -> PythonType:
    """Return the type of a parameter: None as a JSON value cannot be sent."""
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
