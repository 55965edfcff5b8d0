"""What the annotations of a query change in what PostgreSQL says of it."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.model import Column, Fact, Parameter, Query


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
