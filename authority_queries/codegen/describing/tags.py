"""The annotations of a query, applied to PostgreSQL's description."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from authority_queries.codegen.describing.type_parts import Literals
from authority_queries.codegen.describing.typed_query import TypedQuery, TypedValue
from authority_queries.codegen.errors import Faults, GenerationError
from authority_queries.codegen.facts import Column, Fact, Parameter
from authority_queries.codegen.query import Case, Query


def unknown_names(
    query: Query, columns: Iterable[str], inputs: Iterable[str]
) -> Iterator[GenerationError]:
    """Return an error for each tag that names no column, or no parameter.

    `inputs` are the query's parameters, or the columns that a copy fills.
    """
    known, given = list(columns), list(inputs)
    tags = query.tags
    for tag, names, allowed in (
        ("nullable", tags.nullable, known),
        ("notnull", tags.notnull, known),
        ("param", tags.params, given),
        ("type", tags.types, [*given, *known]),
    ):
        for name in sorted(names):
            if name not in allowed:
                there = ", ".join(dict.fromkeys(allowed)) or "none"
                message = f"@{tag} names {name}; there are: {there}"
                yield query.refuse_tag(tag, name, message)


def tagged_column(query: Query, column: Column) -> Column:
    """Apply `@nullable` and `@notnull`. A tag that changes nothing is an error."""
    for tag, names, nullable in (
        ("nullable", query.tags.nullable, True),
        ("notnull", query.tags.notnull, False),
    ):
        if column.name in names:
            if column.fact.nullable is nullable:
                raise _redundant(query, tag, column.name, is_null=nullable)
            return replace(column, fact=replace(column.fact, nullable=nullable))
    return column


def tagged_parameter(query: Query, name: str, parameter: Parameter) -> Parameter:
    """Apply `@param`. A tag that changes nothing is an error."""
    tag = query.tags.params.get(name)
    if tag is None or tag.nullable is None:
        return parameter
    if parameter.fact.nullable is tag.nullable:
        word = " nullable" if tag.nullable else " notnull"
        raise _redundant(query, "param", name, word, is_null=tag.nullable)
    fact: Fact = replace(parameter.fact, nullable=tag.nullable)
    return replace(parameter, fact=fact)


def _redundant(
    query: Query, tag: str, name: str, word: str = "", *, is_null: bool
) -> GenerationError:
    known = "can be null" if is_null else "is never null"
    message = f"@{tag} {name}{word} changes nothing: it {known}; remove the tag"
    return query.refuse_tag(tag, name, message)


def check_cases(query: Query, columns: Sequence[TypedValue]) -> None:
    """Check `@when` against the columns.

    Raises GenerationError for an unknown column or value, for a value in two cases, for
    a column that is never null anyway, and for cases without a `@row`.
    """
    faults = Faults()
    if query.tags.cases:
        by_name = {column.name: column for column in columns}
        for case, fault in _case_faults(query, by_name):
            faults.add(query.refuse_tag("when", case.subject, f"@when {fault}"))
    faults.refuse()


def _case_faults(
    query: Query, columns: Mapping[str, TypedValue]
) -> Iterator[tuple[Case, str]]:
    first, *_ = cases = query.tags.cases
    if query.tags.row is None:
        yield first, "needs a @row, which its classes are named after"
    for case in cases:
        if case.column != first.column:
            yield case, "uses one column, and here are two"
        for name in case.notnull:
            if name not in columns:
                yield case, f"names {name}; there are: {', '.join(columns)}"
            elif not columns[name].nullable:
                yield case, f"changes nothing: {name} is never null; remove it"
    column = columns.get(first.column)
    possible = None if column is None else _values(column)
    if possible is None:
        fault = f"{first.column} must be a column with known values that is never null"
        yield first, fault
    else:
        yield from _faults_of_values(cases, possible)


def _faults_of_values(
    cases: Sequence[Case], possible: Collection[str]
) -> Iterator[tuple[Case, str]]:
    seen: set[str] = set()
    for case in cases:
        for value in case.values:
            if value not in possible:
                known = ", ".join(possible)
                yield case, f"{case.column} is never {value}; it is {known}"
            if value in seen:
                yield case, f"{case.column} = {value} is in two cases"
            seen.add(value)


def _values(column: TypedValue) -> tuple[str, ...] | None:
    """Return all possible texts of a column, if they are known and it is never null."""
    if column.nullable:
        return None
    match column.type.parts:
        case (Literals(values=values),):
            return values
        case _:
            return None


def with_promised_rows(
    queries: Sequence[TypedQuery], faults: Faults
) -> list[TypedQuery]:
    """Give each query with `@as` the columns of the query that it names.

    A column that is never null there is promised here, so that each row is checked. A
    missing query, or one with other columns, is added to the faults.
    """
    by_name = {(typed.query.path, typed.query.name): typed for typed in queries}
    promised = []
    for typed in queries:
        name = typed.query.tags.rows_of
        model = by_name.get((typed.query.path, name or ""))
        if name is None:
            promised.append(typed)
        elif model or not faults:  # the missing query may be one with an error
            with faults.collected():
                promised.append(_promised(typed, name, model))
    return promised


def _promised(typed: TypedQuery, name: str, model: TypedQuery | None) -> TypedQuery:
    query, tags = typed.query, typed.query.tags
    if tags.row or tags.nullable or tags.notnull or tags.types or tags.cases:
        raise _broken(query, " sets all columns: remove the other tags")
    if model is None or model.query.tags.rows_of or not model.fields:
        raise _broken(query, ": this file has no such query with a record")
    if _columns(model) != _columns(typed):
        raise _broken(query, ", which has other columns or types")
    promised = {
        column.name: f"as in {name}" for column in model.columns if not column.nullable
    }
    kept = replace(tags, notnull=promised, cases=model.query.tags.cases)
    return replace(typed, columns=model.columns, query=replace(query, tags=kept))


def _broken(query: Query, fault: str) -> GenerationError:
    return query.refuse_tag("as", "", f"@as {query.tags.rows_of}{fault}")


def _columns(typed: TypedQuery) -> list[tuple[str, int]]:
    names = (column.name for column in typed.columns)
    return list(zip(names, typed.column_oids, strict=True))
