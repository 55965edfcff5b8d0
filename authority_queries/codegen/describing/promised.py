"""Rows that a query promises by `@as`: those of another query of its file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from authority_queries.codegen.describing.typed import TypedQuery
from authority_queries.codegen.errors import GenerationError


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
    query = typed.query
    name = query.tags.rows_of or ""
    tags = query.tags
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
    kept = replace(
        query,
        tags=replace(tags, notnull=promised, cases=model.query.tags.cases),
    )
    return replace(typed, columns=model.columns, query=kept)


def _columns(typed: TypedQuery) -> list[tuple[str, int]]:
    names = (column.name for column in typed.columns)
    return list(zip(names, typed.column_oids, strict=True))
