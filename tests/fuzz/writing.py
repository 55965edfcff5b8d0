"""The parts of statements that write: values, assignments, ON CONFLICT, RETURNING."""
# ruff: noqa: S608 -- this module makes SQL, and no input gets into it.

from collections.abc import Sequence
from dataclasses import replace

from tests.fuzz.data import may_be_null, quoted, samples
from tests.fuzz.draft import Draft, Scope, Shaped, Source, Visible
from tests.fuzz.expressions import expression, leaf, predicate
from tests.fuzz.joins import from_clause
from tests.fuzz.world import Column, Relation


def written(draft: Draft, target: Relation) -> list[Column]:
    """Draw columns to write: all required ones, and some others."""
    return [
        column
        for column in target.columns
        if not column.generated
        and (not may_be_null(target, column) or draft.chance(0.6))
    ]


def rows(draft: Draft, target: Relation, columns: Sequence[Column]) -> str:
    """Draw the source of an INSERT: VALUES, or a query."""
    if draft.chance(0.3):
        items, scope = from_clause(draft, None)
        listed = values(draft, target, columns, scope)
        where = f" where {predicate(draft, scope, 1)}" if draft.chance(0.5) else ""
        return f"select {listed} from {items}{where}"
    rows = [
        f"({values(draft, target, columns, Scope())})"
        for _ in range(draft.choose((1, 1, 2)))
    ]
    return f"values {', '.join(rows)}"


def values(
    draft: Draft, target: Relation, columns: Sequence[Column], scope: Scope
) -> str:
    """Draw a value for each column."""
    return ", ".join(_value(draft, target, column, scope) for column in columns)


def _value(draft: Draft, target: Relation, column: Column, scope: Scope) -> str:
    """Draw a value, usually one that the column accepts."""
    texts = samples(target, column)
    if column.name == "id" and column.not_null:
        return str(draft.rng.randint(1, 25))
    if column.name in {"nick", "ref"} and draft.chance(0.6):
        n = draft.rng.randint(20, 39)
        unique = f"n{n}" if column.name == "nick" else f"{0:08}-0000-0000-0000-{n:012}"
        return quoted(unique)
    kind = draft.weighted(((10, "sample"), (3, "parameter"), (3, "drawn"), (1, "null")))
    if kind == "parameter":
        return draft.parameter(column.type, texts)
    if kind == "drawn" and texts is samples(target, column) and scope.columns:
        return expression(draft, scope, column.type, 1)
    if kind == "null" and may_be_null(target, column):
        return "null"
    return quoted(draft.choose(texts))


def assignments(draft: Draft, target: Relation, scope: Scope) -> str:
    """Draw the assignments of SET, at times of several columns at once."""
    free = [c for c in target.columns if not c.generated and not c.in_key]
    chosen = draft.rng.sample(free, min(len(free), draft.rng.randint(1, 3)))
    if len(chosen) == 2 and draft.chance(0.3):
        names = ", ".join(column.name for column in chosen)
        values = ", ".join(leaf(draft, scope, column.type) for column in chosen)
        where = " where false" if draft.chance(0.3) else ""
        return f"({names}) = (select {values}{where})"
    return ", ".join(
        f"{column.name} = {_value(draft, target, column, scope)}" for column in chosen
    )


def on_conflict(draft: Draft, target: Relation, source: Source) -> str:
    """Draw ON CONFLICT."""
    if draft.chance(0.25) or not target.key:
        return " on conflict do nothing"
    excluded = Source(alias="excluded", columns=source.columns)
    scope = Scope(
        columns=source.qualified + excluded.qualified, sources=(source, excluded)
    )
    where = f" where {predicate(draft, scope, 1)}" if draft.chance(0.3) else ""
    return (
        f" on conflict ({', '.join(target.key)}) do update set "
        f"{assignments(draft, target, scope)}{where}"
    )


def returning(
    draft: Draft, head: str, scope: Scope, source: Source, *, merged: bool = False
) -> Shaped:
    """Add RETURNING of one to several expressions, `merged` with merge_action()."""
    columns: list[Visible] = []
    items: list[str] = []
    if draft.chance(0.3):
        items.append(f"{source.alias}.*")
        columns.extend(source.columns)
    if merged and draft.chance(0.5):
        items.append(f"merge_action() as {draft.name('c')}")
        columns.append(Visible(items[-1].rpartition(" ")[2], "text"))
    scope = _with_old_and_new(draft, scope, source)
    for type_ in draft.types(3):
        name = draft.name("c")
        if scope.columns and draft.chance(0.6):
            column = draft.choose(scope.columns)
            items.append(f"{column.sql} as {name}")
            columns.append(Visible(name, column.type))
        else:
            items.append(f"{expression(draft, scope, type_, 2)} as {name}")
            columns.append(Visible(name, type_))
    return Shaped(f"{head} returning {', '.join(items)}", tuple(columns))


def _with_old_and_new(draft: Draft, scope: Scope, source: Source) -> Scope:
    if draft.world.version < 18 or draft.chance(0.5):
        return scope
    rows = tuple(replace(source, alias=alias, kind="") for alias in ("old", "new"))
    columns = tuple(column for row in rows for column in row.qualified)
    return replace(scope, columns=scope.columns + columns, sources=scope.sources + rows)
