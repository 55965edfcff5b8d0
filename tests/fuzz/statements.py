"""Whole statements by their seed: WITH, recursive or not, then a query or a write."""
# ruff: noqa: S608 -- this module makes SQL, and no input gets into it.

from dataclasses import dataclass
from random import Random

from tests.fuzz import dml, select
from tests.fuzz.draft import Draft, Input, Scope, Source, Visible
from tests.fuzz.expressions import expression, predicate
from tests.fuzz.joins import from_item
from tests.fuzz.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A statement and what goes into its parameters."""

    seed: int
    sql: str
    inputs: tuple[Input, ...]


def draw(world: World, seed: int) -> Drawn:
    """Draw the statement of this seed: the same one each time on the same version."""
    rng = Random(seed)
    draft = Draft(
        rng=rng,
        world=world,
        make_query=select.query,
        subqueries=rng.choice((0, 1, 2, 4, 7)),
    )
    head = _with(draft) if draft.chance(0.25) else ""
    kind = draft.weighted(((28, "query"), (14, "write"), (3, "lock")))
    makers = {"query": select.statement, "write": dml.write, "lock": select.locking}
    sql = head + makers[kind](draft).sql
    return Drawn(seed=seed, sql=sql, inputs=tuple(draft.inputs))


def _with(draft: Draft) -> str:
    recursive = draft.chance(0.3)
    items = []
    for _ in range(draft.rng.randint(1, 3)):
        if recursive and draft.chance(0.6):
            items.append(_recursive(draft))
            continue
        name = draft.name("q")
        writes = draft.chance(0.15)
        shaped = dml.write(draft) if writes else select.query(draft)
        hint = (
            ""
            if writes
            else draft.choose(("", "", "materialized ", "not materialized "))
        )
        items.append(f"{name} as {hint}({shaped.sql})")
        draft.ctes.append(Source(alias=name, columns=shaped.columns))
    return f"with {'recursive ' if recursive else ''}{', '.join(items)} "


def _recursive(draft: Draft) -> str:
    """Draw a recursive counter. Its two branches compute the other columns."""
    types = ["int", *draft.types(2)]
    base = select.query(draft, None, types)
    name, alias = draft.name("r"), draft.name("w")
    columns = tuple(Visible(draft.name("c"), type_) for type_ in types)
    source = Source(alias=alias, columns=columns)
    item = from_item(draft, None, 0) if draft.chance(0.5) else None
    scope = Scope(
        columns=source.qualified + (item.columns if item else ()),
        sources=(source, *(item.sources if item else ())),
    )
    step = _step(draft, scope, types)
    more = f", {item.sql}" if item else ""
    where = f" and {predicate(draft, scope, 1)}" if draft.chance(0.3) else ""
    union = draft.choose(("union", "union all"))
    draft.ctes.append(Source(alias=name, columns=columns))
    names = ", ".join(column.sql for column in columns)
    return (
        f"{name} ({names}) as (({base.sql}) {union} select {step} "
        f"from {name} as {alias}{more} where {columns[0].sql} between 0 and 2{where})"
    )


def _step(draft: Draft, scope: Scope, types: list[str]) -> str:
    first = scope.columns[0].sql
    rest = [expression(draft, scope, type_, 1) for type_ in types[1:]]
    return ", ".join((f"{first} + 1", *rest))
