"""Rows of which `@when` says more in some cases: checked against the columns."""

from collections.abc import Iterator, Mapping, Sequence

from authority_queries.codegen.describing.python_type import Literals
from authority_queries.codegen.describing.typed import TypedValue
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.model import Case, Query


def check_cases(query: Query, columns: Sequence[TypedValue]) -> None:
    """Refuse cases that the columns do not have.

    Raises GenerationError for another column or value than there is, for a case that
    is there twice or says what is known, and for cases without a `@row`.
    """
    if not query.tags.cases:
        return
    for fault in _faults(query, {column.name: column for column in columns}):
        message = f"{query.place}: @when {fault}"
        raise GenerationError(message)


def _faults(query: Query, columns: Mapping[str, TypedValue]) -> Iterator[str]:
    cases = query.tags.cases
    if query.tags.row is None:
        yield "needs a @row, which its classes are named after"
    if len({case.column for case in cases}) > 1:
        yield "tells rows apart by one column, and here are two"
    yield from _faults_of_values(cases, columns.get(cases[0].column))
    for name in [name for case in cases for name in case.notnull]:
        if name not in columns:
            yield f"names {name}; there are: {', '.join(columns)}"
        elif not columns[name].nullable:
            yield f"says what is known: {name} is never null; leave it out"


def _faults_of_values(
    cases: Sequence[Case], column: TypedValue | None
) -> Iterator[str]:
    possible = None if column is None else _values(column)
    if possible is None:
        yield f"{cases[0].column} is no column with known values that is never null"
        return
    said = [value for case in cases for value in case.values]
    for value in said:
        if value not in possible:
            yield f"{cases[0].column} is never {value}; it is {', '.join(possible)}"
        if said.count(value) > 1:
            yield f"{cases[0].column} = {value} stands in two cases"


def _values(column: TypedValue) -> tuple[str, ...] | None:
    """Give all texts that a column can be, if they are known and null is not one."""
    if column.nullable:
        return None
    match column.type.parts:
        case (Literals(values=values),):
            return values
        case _:
            return None
