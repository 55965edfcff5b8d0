"""From PostgreSQL's types to Python's.

Arrays are of one dimension: PostgreSQL lets any array column hold more, and psycopg
would give lists of lists. A check (`array_ndims(x) = 1`) holds a column to one.
"""

from collections.abc import Iterator
from typing import Final

from authority_queries.codegen.describing.base_types import base_type
from authority_queries.codegen.describing.pg_types import PgType, PgTypes
from authority_queries.codegen.describing.python_type import (
    Check,
    Composite,
    Literals,
    PythonType,
    Registered,
    UnknownTypeError,
)
from authority_queries.codegen.model import Fact, PythonName
from authority_queries.codegen.rendering.naming import cap_words

# What a check calls for a column of text[], and what the run time has for it.
_RULES: Final = {"is_scope_list": "scope_list", "is_text_list": "text_list"}


class PythonTypes:
    """The Python types for one database's types."""

    def __init__(self, pg_types: PgTypes) -> None:
        self._pg_types = pg_types

    def of(self, oid: int, fact: Fact) -> PythonType:
        """Give the type for an oid, as narrow as what is known of the value.

        Whether it may be None is not part of it. Raises UnknownTypeError.
        """
        pg_type = self._pg_types.type(oid)
        match pg_type.kind:
            case "array":
                return self._array(pg_type, fact)
            case "domain":
                return self.of(pg_type.element, fact)
            case "enum":
                labels = Literals(
                    values=tuple(pg_type.labels),
                    name=cap_words(pg_type.name),
                    schema=pg_type.schema,
                )
                check = Check(name="one_of", made_of=labels.values)
                return PythonType(parts=(labels,), check=check)
            case "composite":
                return self._composite(pg_type)
            case "range" | "multirange" if pg_type.is_builtin:
                return self._range(pg_type)
            case "base" if pg_type.is_builtin or pg_type.name == "citext":
                return base_type(pg_type, fact)
        raise UnknownTypeError(pg_type.full_name)

    def fields(self, composite: Composite) -> Iterator[tuple[str, PythonType]]:
        """Give the fields of a composite type. Any of them can be None."""
        pg_type = self._pg_types.type(composite.oid)
        for name, oid in zip(pg_type.field_names, pg_type.field_types, strict=True):
            yield name, self.of(oid, Fact())

    def _array(self, pg_type: PgType, fact: Fact) -> PythonType:
        inner = self.of(pg_type.element, Fact())
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
            registered |= self.of(oid, Fact()).registered
            if self._pg_types.type(oid).kind == "domain":
                registered |= self._registered(oid)
        return PythonType(
            parts=(composite,),
            check=Check(name="instance", made_of=(composite,)),
            registered=frozenset(registered),
        )

    def _registered(self, oid: int) -> frozenset[Registered]:
        """Say what psycopg must know of a type to read arrays or composites of it."""
        pg_type = base = self._pg_types.type(oid)
        if pg_type.is_builtin or pg_type.kind == "composite":
            return frozenset()
        while base.kind == "domain":
            base = self._pg_types.type(base.element)
        if base.kind not in {"base", "enum"}:
            raise UnknownTypeError(pg_type.full_name)
        read_as = base.name if base.is_builtin else None
        found = Registered(schema=pg_type.schema, type_name=pg_type.name, base=read_as)
        return frozenset({found})

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


def _array_check(inner: PythonType, fact: Fact, *, can_hold_none: bool) -> Check:
    rule, *given = fact.rule or ("",)
    if rule in _RULES and inner.check.name == "text":
        return Check(name=_RULES[str(rule)], made_of=tuple(given) or None)
    element = inner.check
    if can_hold_none:
        element = Check(name="optional", made_of=(element,))
    return Check(name="array", made_of=(element,))
