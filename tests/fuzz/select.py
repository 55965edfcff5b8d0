"""SELECT: plain, grouped, with windows; VALUES, set operations, WITH."""
# ruff: noqa: S608 -- this module makes SQL, and no input gets into it.

from collections.abc import Sequence
from dataclasses import replace

from tests.fuzz.calls import SET_RETURNING
from tests.fuzz.draft import Draft, Scope, Shaped, Source, Visible
from tests.fuzz.expressions import expression, leaf, predicate, render, window
from tests.fuzz.grouping import group_by
from tests.fuzz.joins import from_clause

_OPERATIONS = ("union", "union all", "union all", "intersect", "except", "except all")


def query(
    draft: Draft, outer: Scope | None = None, types: Sequence[str] | None = None
) -> Shaped:
    """Draw a query with columns of these types, or of any, for use inside another."""
    kind = draft.weighted(((12, "plain"), (2, "set"), (1, "values")))
    if kind == "set":
        return set_operation(draft, outer, types or draft.types(3), 2)
    if kind == "values":
        return _values(draft, outer, types or draft.types(3))
    return plain(draft, outer, types)


def statement(draft: Draft) -> Shaped:
    """Draw a whole query: what `query` does, ordered, limited."""
    shaped = query(draft)
    sql = shaped.sql
    if draft.chance(0.15) and "order by 1" not in sql[-30:]:
        sql = f"{sql} order by {draft.rng.randint(1, max(1, len(shaped.columns)))}"
    if draft.chance(0.12):
        sql += draft.choose(
            (" limit 5", " limit 0", " offset 1", " fetch first 3 rows only")
        )
    return Shaped(sql, shaped.columns)


def locking(draft: Draft) -> Shaped:
    """Draw a plain query that locks the rows of a table."""
    items, scope = from_clause(draft, None)
    tables = [source.alias for source in scope.sources if source.kind in {"r", "p"}]
    of = f" of {draft.choose(tables)}" if tables else ""
    lock = draft.choose(("for update", "for share", "for no key update"))
    columns = [draft.choose(scope.columns) for _ in range(3)] if scope.columns else []
    names = ", ".join(column.sql for column in columns) or "1"
    where = f" where {predicate(draft, scope)}" if draft.chance(0.5) else ""
    return Shaped(f"select {names} from {items}{where} {lock}{of}", ())


def set_operation(
    draft: Draft, outer: Scope | None, types: Sequence[str], depth: int
) -> Shaped:
    """Draw a union, an intersection or a difference, nested so deep."""
    sides = [
        set_operation(draft, outer, types, depth - 1)
        if depth and draft.chance(0.3)
        else _side(draft, outer, types)
        for _ in range(2)
    ]
    sql = f"({sides[0].sql}) {draft.choose(_OPERATIONS)} ({sides[1].sql})"
    return Shaped(sql, sides[0].columns)


def _side(draft: Draft, outer: Scope | None, types: Sequence[str]) -> Shaped:
    if draft.chance(0.2):
        return _values(draft, outer, types)
    return plain(draft, outer, types)


def _values(draft: Draft, outer: Scope | None, types: Sequence[str]) -> Shaped:
    scope = outer or Scope()
    rows = ", ".join(
        "(" + ", ".join(expression(draft, scope, type_, 1) for type_ in types) + ")"
        for _ in range(draft.rng.randint(1, 3))
    )
    columns = (Visible(f"column{n}", type_) for n, type_ in enumerate(types, 1))
    return Shaped(f"values {rows}", tuple(columns))


def plain(draft: Draft, outer: Scope | None, types: Sequence[str] | None) -> Shaped:
    """Draw SELECT … FROM … WHERE … GROUP BY … HAVING … WINDOW."""
    if draft.chance(0.05):
        scope = Scope(outer=outer, windows=(), generates_rows=True)
        where = f" where {predicate(draft, scope)}" if draft.chance(0.2) else ""
        return _select_list(draft, scope, types, "select", where)
    items, scope = from_clause(draft, outer)
    tail = f" from {items}"
    if draft.chance(0.55):
        conditions = [predicate(draft, scope) for _ in range(draft.rng.randint(1, 2))]
        tail += f" where {' and '.join(conditions)}"
    if draft.chance(0.28):
        clause, scope = group_by(draft, scope)
        tail += clause
        if draft.chance(0.3):
            tail += f" having {predicate(draft, scope)}"
    else:
        scope = replace(scope, generates_rows=True)
    if draft.chance(0.1):
        name = draft.name("w")
        tail += f" window {name} as ({window(draft, scope)})"
        scope = replace(scope, windows=(name,))
    elif draft.chance(0.5):
        scope = replace(scope, windows=())
    return _select_list(draft, scope, types, "select", tail)


def _select_list(
    draft: Draft, scope: Scope, types: Sequence[str] | None, select: str, tail: str
) -> Shaped:
    if types is None and scope.grouped is None and scope.sources and draft.chance(0.3):
        return _star(draft, scope, tail)
    items, columns = [], []
    for number, type_ in enumerate(types or _types(draft, scope), 1):
        name = draft.name("c")
        items.append(f"{_item(draft, scope, type_)} as {name}")
        columns.append(Visible(name, type_))
        if number == 1 and "window" not in tail and draft.chance(0.08):
            select = "select distinct"
    if select == "select" and draft.chance(0.05) and columns:
        # Ordered by the same, or PostgreSQL refuses it.
        select, tail = "select distinct on (1)", f"{tail} order by 1"
    return Shaped(f"{select} {', '.join(items)}{tail}", tuple(columns))


def _types(draft: Draft, scope: Scope) -> list[str]:
    """Draw types, mostly those that there are columns of."""
    return [
        draft.choose(scope.columns).type
        if scope.columns and draft.chance(0.7)
        else type_
        for type_ in draft.types(4)
    ]


def _item(draft: Draft, scope: Scope, type_: str) -> str:
    generating = SET_RETURNING.get(type_)
    if generating and scope.generates_rows and draft.chance(0.12):
        return render(draft, scope.plain(), draft.choose(generating), 1, {})
    if scope.grouped is None and draft.chance(0.4):
        return leaf(draft, scope, type_)
    return expression(draft, scope, type_, draft.rng.randint(1, 3))


def _star(draft: Draft, scope: Scope, tail: str) -> Shaped:
    source: Source = draft.choose(scope.sources)
    items, columns = [f"{source.alias}.*"], list(source.columns)
    if source.kind in {"r", "p"} and draft.chance(0.35):
        items.append(f"{source.alias}.tableoid::int as {draft.name('o')}")
        items.append(f"{source.alias}.ctid as {draft.name('o')}")
    elif source.kind not in {"function", ""} and draft.chance(0.15):
        items.append(f"{source.alias} as {draft.name('row')}")
    elif len(scope.sources) > 1 and draft.chance(0.3):
        return Shaped(f"select *{tail}", ())
    return Shaped(f"select {', '.join(items)}{tail}", tuple(columns))
