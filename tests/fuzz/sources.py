"""Items of FROM: relations, subqueries, CTEs, VALUES, functions."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.calls import FUNCTIONS
from tests.fuzz.draft import Draft, Scope, Source, Visible
from tests.fuzz.expressions import leaf, render
from tests.fuzz.world import Relation


@dataclass(frozen=True, slots=True)
class Joined:
    """An item of FROM: its text, the sources in it, and merged columns of USING."""

    sql: str
    sources: tuple[Source, ...]
    merged: tuple[Visible, ...] = ()

    @property
    def columns(self) -> tuple[Visible, ...]:
        own = tuple(column for source in self.sources for column in source.qualified)
        return own + self.merged


def single(draft: Draft, outer: Scope | None) -> Joined:
    """Draw an item that is no join."""
    if draft.ctes and draft.chance(0.35):
        return _cte(draft)
    makers: list[tuple[int, Callable[[Draft, Scope | None], Joined]]] = [
        (14, lambda draft, _: relation(draft)),
        (2, _function),
        (1, lambda draft, _: _values(draft)),
    ]
    if draft.may_nest():
        makers.append((4, _subquery))
    return draft.weighted(makers)(draft, outer)


def source_of(known: Relation, alias: str) -> Source:
    """Return a relation under an alias."""
    return Source(
        alias=alias,
        columns=tuple(Visible(column.name, column.type) for column in known.columns),
        kind=known.kind,
        keys=known.key,
    )


def relation(draft: Draft) -> Joined:
    """Draw a table or a view; at times a sample, or a table without its children."""
    known = draft.choose(draft.world.relations)
    alias = draft.name("t")
    sql = f"{known.name} as {alias}"
    if known.kind == "r" and draft.chance(0.05):
        sql = f"only {sql}"
    if known.kind in {"r", "p", "m"} and draft.chance(0.06):
        sql += " tablesample bernoulli (70) repeatable (1)"
    return Joined(sql, (source_of(known, alias),))


def _cte(draft: Draft) -> Joined:
    known = draft.choose(draft.ctes)
    alias = draft.name("w")
    source = Source(alias=alias, columns=known.columns)
    return Joined(f"{known.alias} as {alias}", (source,))


def _subquery(draft: Draft, outer: Scope | None) -> Joined:
    types = None if draft.chance(0.3) else draft.types(3)
    shaped = draft.make_query(draft, outer, types)
    alias = draft.name("s")
    return Joined(
        f"({shaped.sql}) as {alias}", (Source(alias=alias, columns=shaped.columns),)
    )


def lateral(draft: Draft, outer: Scope | None, left: Joined) -> Joined | None:
    """Draw an item that may refer to `left`; None if no subquery is allowed."""
    if not draft.may_nest():
        return None
    scope = Scope(columns=left.columns, sources=left.sources, outer=outer)
    item = (_function if draft.chance(0.4) else _subquery)(draft, scope)
    return Joined(f"lateral {item.sql}", item.sources)


def _values(draft: Draft) -> Joined:
    types = draft.types(3)
    rows = ", ".join(
        "(" + ", ".join(leaf(draft, Scope(), type_) for type_ in types) + ")"
        for _ in range(draft.rng.randint(1, 3))
    )
    alias = draft.name("v")
    columns = tuple(Visible(f"c{n}", type_) for n, type_ in enumerate(types, 1))
    names = ", ".join(column.sql for column in columns)
    return Joined(
        f"(values {rows}) as {alias} ({names})", (Source(alias=alias, columns=columns),)
    )


def _function(draft: Draft, outer: Scope | None) -> Joined:
    template, columns = draft.choose(FUNCTIONS)
    call = render(draft, outer or Scope(), template, 1, {})
    alias = draft.name("f")
    if columns is None:
        people = next(r for r in draft.world.relations if r.name == "fuzz.people")
        whole = source_of(people, alias).columns
        return Joined(f"{call} as {alias}", (Source(alias=alias, columns=whole),))
    source = Source(
        alias=alias,
        columns=tuple(Visible(*column) for column in columns),
        kind="function",
    )
    names = ", ".join(
        f"{name} {type_}" if "recordset" in call else name for name, type_ in columns
    )
    return Joined(f"{call} as {alias} ({names})", (source,))
