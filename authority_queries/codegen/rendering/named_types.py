"""Types that have names in records.py: sets of texts, and composite types."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from authority_queries.codegen.describing.type_mapping import PythonTypes
from authority_queries.codegen.describing.type_parts import (
    Check,
    Composite,
    Literals,
    PythonType,
)
from authority_queries.codegen.describing.typed_query import TypedQuery, TypedValue
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.python_names import (
    cap_words,
    public_name_fault,
    values_name,
)

Names = Mapping[Literals, str]
Composites = Mapping[Composite, Sequence[TypedValue]]


def literals_in(values: Iterable[TypedValue]) -> Iterable[Literals]:
    """Return the literals in the types of these values."""
    for value in values:
        for part in value.type.parts:
            if isinstance(part, Literals):
                yield part


def name_literals(found: Iterable[Literals]) -> dict[Literals, str]:
    """Name the values of columns and the labels of enums. Constants get no name here.

    If two sets of values would have the same name, it is prefixed with their schemas.
    Raises GenerationError if the names are still equal.
    """
    plain = _named_by_column({*found})
    sets = _values_by_name(plain)
    names = {
        literals: cap_words(literals.schema_of_values) + name
        if len(sets[name]) > 1
        else name
        for literals, name in plain.items()
    }
    for name, values in _values_by_name(names).items():
        if len(values) > 1:
            one, two = sorted(values)[:2]
            message = (
                f"two sets of values would be named {name}: {', '.join(one)}; and "
                f"{', '.join(two)}; rename a column or a type"
            )
            raise GenerationError(message)
    return names


def _named_by_column(found: set[Literals]) -> dict[Literals, str]:
    """Name the full set of a column's values after the column, and no subset of it."""
    most: dict[object, int] = defaultdict(int)
    for literals in found:
        most[literals.origin] = max(most[literals.origin], len(literals.values))
    names = {}
    for literals in sorted(found, key=lambda literals: literals.values):
        if literals.name is not None:
            names[literals] = literals.name
        elif literals.origin and len(literals.values) == most[literals.origin]:
            names[literals] = values_name(literals.origin)
    return names


def _values_by_name(names: Names) -> dict[str, set[tuple[str, ...]]]:
    values = defaultdict(set)
    for literals, name in names.items():
        values[name].add(literals.values)
    return values


def with_names(value: TypedValue, names: Names) -> TypedValue:
    """Return the value with its literals named."""
    parts = tuple(
        replace(part, name=names.get(part)) if isinstance(part, Literals) else part
        for part in value.type.parts
    )
    python_type: PythonType = replace(value.type, parts=parts)
    return replace(value, type=python_type)


def query_with_names(typed: TypedQuery, names: Names) -> TypedQuery:
    """Return the query with the literals of its parameters and columns named."""
    return replace(
        typed,
        parameters=tuple(with_names(value, names) for value in typed.parameters),
        columns=tuple(with_names(value, names) for value in typed.columns),
    )


def composites_of(
    queries: Iterable[TypedQuery], python_types: PythonTypes
) -> Composites:
    """Return the fields of each composite type. Raises GenerationError."""
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
                TypedValue(name=name, type=field_type, nullable=True, comment=comment)
                for name, field_type, comment in python_types.fields(part)
            ]
            for field in fields:
                _check(part, field.name)
                _collect(field.type, python_types, found)
            found[part] = fields


def checked_composites(
    queries: Iterable[TypedQuery], composites: Composites
) -> Composites:
    """Return the composite types of queries' parameters, with those inside them.

    A type comes after those inside it.
    """
    wanted = {
        composite
        for typed in queries
        for value in typed.parameters
        for composite in _composites_in(value.type.check)
    }
    for composite, fields in reversed([*composites.items()]):
        if composite in wanted:
            wanted.update(
                inner for field in fields for inner in _composites_in(field.type.check)
            )
    return {found: fields for found, fields in composites.items() if found in wanted}


def _composites_in(check: Check) -> Iterator[Composite]:
    for part in check.made_of or ():
        if isinstance(part, Composite):
            yield part
        elif isinstance(part, Check):
            yield from _composites_in(part)


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
