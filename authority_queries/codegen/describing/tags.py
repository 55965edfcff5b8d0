"""What the annotations of a query change in what PostgreSQL says of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from authority_queries.codegen.describing.type_parts import Literals
from authority_queries.codegen.describing.typed_query import TypedQuery, TypedValue
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.facts import Column, Fact, Parameter
from authority_queries.codegen.query import Case, Query


def check_names(query: Query, columns: Iterable[str], inputs: Iterable[str]) -> None:
    """Refuse a tag that names no column, or no parameter, of the query.

    `inputs` are its parameters, or the columns that a copy fills.
    """
    known, given = list(columns), list(inputs)
    tags = query.tags
    for tag, names, allowed in (
        ("@nullable", tags.nullable, known),
        ("@notnull", tags.notnull, known),
        ("@param", tags.params, given),
        ("@type", tags.types, [*given, *known]),
    ):
        _refuse_unknown(query, tag, names, allowed)


def _refuse_unknown(
    query: Query, tag: str, names: Collection[str], allowed: Collection[str]
) -> None:
    for name in sorted(names):
        if name not in allowed:
            there = ", ".join(dict.fromkeys(allowed)) or "none"
            message = f"{query.place}: {tag} names {name}; there are: {there}"
            raise GenerationError(message)


def tagged_column(query: Query, column: Column) -> Column:
    """Apply `@nullable` and `@notnull`. One that changes nothing is refused."""
    for tag, names, nullable in (
        ("@nullable", query.tags.nullable, True),
        ("@notnull", query.tags.notnull, False),
    ):
        if column.name in names:
            if column.fact.nullable is nullable:
                raise _redundant(query, f"{tag} {column.name}", nullable)
            return replace(column, fact=replace(column.fact, nullable=nullable))
    return column


def tagged_parameter(query: Query, name: str, parameter: Parameter) -> Parameter:
    """Apply `@param`. One that says what is known without it is refused."""
    tag = query.tags.params.get(name)
    if tag is None or tag.nullable is None:
        return parameter
    if parameter.fact.nullable is tag.nullable:
        word = "nullable" if tag.nullable else "notnull"
        raise _redundant(query, f"@param {name} {word}", tag.nullable)
    fact: Fact = replace(parameter.fact, nullable=tag.nullable)
    return replace(parameter, fact=fact)


def _redundant(query: Query, tag: str, nullable: bool) -> GenerationError:  # noqa: FBT001 -- of a private function
    known = "can be null" if nullable else "is never null"
    return GenerationError(
        f"{query.place}: {tag} says what is known: it {known}; leave the tag out"
    )


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


def with_promised_rows(queries: Sequence[TypedQuery]) -> list[TypedQuery]:
    """Give each query that has `@as` the columns of the one that it names.

    What is never null there is promised here, and so checked in each row. Raises
    GenerationError when there is no such query, or it has other columns.
    """
    by_name = {(typed.query.path, typed.query.name): typed for typed in queries}
    return [
        typed if typed.query.tags.rows_of is None else _promised(typed, by_name)
        for typed in queries
    ]


def _promised(
    typed: TypedQuery, by_name: Mapping[tuple[Path, str], TypedQuery]
) -> TypedQuery:
    query, tags = typed.query, typed.query.tags
    name = tags.rows_of or ""
    if tags.row or tags.nullable or tags.notnull or tags.types or tags.cases:
        message = (
            f"{query.place}: @as {name} says all of its columns: take the rest out"
        )
        raise GenerationError(message)
    model = by_name.get((query.path, name))
    if model is None or model.query.tags.rows_of or not model.fields:
        message = f"{query.place}: @as {name}: no query of this file that has a record"
        raise GenerationError(message)
    if _columns(model) != _columns(typed):
        message = f"{query.place}: @as {name}, which has other columns or types"
        raise GenerationError(message)
    promised = {
        column.name: f"as in {name}" for column in model.columns if not column.nullable
    }
    kept = replace(tags, notnull=promised, cases=model.query.tags.cases)
    return replace(typed, columns=model.columns, query=replace(query, tags=kept))


def _columns(typed: TypedQuery) -> list[tuple[str, int]]:
    names = (column.name for column in typed.columns)
    return list(zip(names, typed.column_oids, strict=True))
