"""The composite types that queries use, those that others are made of first."""

from collections.abc import Iterable, Mapping, Sequence

from authority_queries.codegen.describing.python_type import Composite, PythonType
from authority_queries.codegen.describing.python_types import PythonTypes
from authority_queries.codegen.describing.typed import TypedQuery, TypedValue
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.reading.python_names import public_name_fault

Composites = Mapping[Composite, Sequence[TypedValue]]


def composites_of(
    queries: Iterable[TypedQuery], python_types: PythonTypes
) -> Composites:
    """Give the fields of each composite type. Raises GenerationError for a name."""
    found: dict[Composite, Sequence[TypedValue]] = {}
    for typed in queries:
        for value in (*typed.parameters, *typed.columns):
            _collect(value.type, python_types, found)
    return found


def _collect(
    python_type: PythonType,
    python_types: PythonTypes,
    found: dict[Composite, Sequence[TypedValue]],
) -> None:
    for part in python_type.parts:
        if isinstance(part, Composite) and part not in found:
            fields = [
                TypedValue(name=name, type=field_type, nullable=True)
                for name, field_type in python_types.fields(part)
            ]
            for field in fields:
                _check(part, field.name)
                _collect(field.type, python_types, found)
            found[part] = fields


def _check(composite: Composite, field: str) -> None:
    fault = public_name_fault(field)
    if field in vars(tuple):
        fault = "is a method of every tuple"
    if fault:
        message = (
            f"type {composite.schema}.{composite.type_name}: its field {field} "
            f"{fault}; rename it, or select the fields that you need"
        )
        raise GenerationError(message)
