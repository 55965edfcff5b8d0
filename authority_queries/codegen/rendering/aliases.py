"""Names for the texts that a value can be: `UserStatus`, `Mood`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from authority_queries.codegen.describing.python_type import Literals, PythonType
from authority_queries.codegen.describing.typed import TypedQuery, TypedValue
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.rendering.naming import cap_words, values_name

Names = Mapping[Literals, str]


def literals_in(values: Iterable[TypedValue]) -> Iterable[Literals]:
    """Give the literals in the types of these values."""
    for value in values:
        for part in value.type.parts:
            if isinstance(part, Literals):
                yield part


def name_literals(found: Iterable[Literals]) -> dict[Literals, str]:
    """Name those of a column, and the labels of an enum. Constants get no name here.

    A name that two sets of values would have is put behind their schemas'. Raises
    GenerationError when that is not enough.
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
    """Give a column's name to all that its check allows, not to some of it."""
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
    """Give the value with its literals named."""
    parts = tuple(
        replace(part, name=names.get(part)) if isinstance(part, Literals) else part
        for part in value.type.parts
    )
    python_type: PythonType = replace(value.type, parts=parts)
    return replace(value, type=python_type)


def query_with_names(typed: TypedQuery, names: Names) -> TypedQuery:
    """Give the query with the literals of its parameters and columns named."""
    return replace(
        typed,
        parameters=tuple(with_names(value, names) for value in typed.parameters),
        columns=tuple(with_names(value, names) for value in typed.columns),
    )
