"""FROM: joins of every kind, nested."""

from typing import Final

from tests.fuzz.draft import Draft, Scope, Source, Visible
from tests.fuzz.expressions import predicate
from tests.fuzz.sources import Joined, lateral, single

_KINDS: Final = ((3, "join"), (4, "left join"), (2, "right join"), (2, "full join"))


def from_clause(draft: Draft, outer: Scope | None) -> tuple[str, Scope]:
    """Draw the items after FROM and the scope that they open."""
    item = from_item(draft, outer, draft.choose((0, 0, 1, 1, 2, 3)))
    if draft.chance(0.12):
        more = lateral(draft, outer, item) or from_item(draft, outer, 0)
        sources = item.sources + more.sources
        item = Joined(f"{item.sql}, {more.sql}", sources, _unambiguous(item, more))
    return item.sql, Scope(columns=item.columns, sources=item.sources, outer=outer)


def from_item(draft: Draft, outer: Scope | None, depth: int) -> Joined:
    """Draw an item, with joins nested up to this depth."""
    return join(draft, outer, depth) if depth else single(draft, outer)


def join(draft: Draft, outer: Scope | None, depth: int) -> Joined:
    """Draw a join of two items: with ON, USING, NATURAL, LATERAL or CROSS."""
    left = from_item(draft, outer, draft.rng.randint(0, depth - 1))
    kind = draft.weighted(_KINDS)
    if kind in {"join", "left join"} and draft.chance(0.15):
        right = lateral(draft, outer, left)
        if right is not None:
            return _on(draft, outer, left, kind, right)
    right = from_item(draft, outer, draft.rng.randint(0, depth - 1))
    if draft.chance(0.08):
        return Joined(
            f"({left.sql} cross join {right.sql})",
            left.sources + right.sources,
            _unambiguous(left, right),
        )
    if draft.chance(0.4):
        merged = _using(draft, left, kind, right)
        if merged is not None:
            return merged
    return _on(draft, outer, left, kind, right)


def _on(
    draft: Draft, outer: Scope | None, left: Joined, kind: str, right: Joined
) -> Joined:
    sources = left.sources + right.sources
    both = Joined("", sources, _unambiguous(left, right))
    scope = Scope(columns=both.columns, sources=sources, outer=outer)
    conditions = [_equality(draft, left, right)]
    if kind != "full join" and draft.chance(0.3):
        conditions.append(predicate(draft, scope, 1))
    if draft.chance(0.1):
        conditions = [draft.choose(("true", "false", "null"))]
    condition = " and ".join(conditions)
    return Joined(
        f"({left.sql} {kind} {right.sql} on {condition})",
        sources,
        _unambiguous(left, right),
    )


def _unambiguous(left: Joined, right: Joined) -> tuple[Visible, ...]:
    """Keep the merged columns whose names the other side does not have."""
    names = [_names(side) for side in (left, right)]
    return tuple(
        column
        for side, other in ((left, names[1]), (right, names[0]))
        for column in side.merged
        if column.sql not in other
    )


def _equality(draft: Draft, left: Joined, right: Joined) -> str:
    bare = {*left.merged, *right.merged}
    unambiguous = {*_unambiguous(left, right)}
    pairs = [
        (one.sql, other.sql)
        for one in left.columns
        for other in right.columns
        if {one, other} & bare <= unambiguous
        if one.type == other.type and one.type not in {"bool", "jsonb"}
    ]
    return " = ".join(draft.choose(pairs)) if pairs else "true"


def _using(draft: Draft, left: Joined, kind: str, right: Joined) -> Joined | None:
    if left.merged or right.merged:
        return None
    first, second = _unique_columns(left), _unique_columns(right)
    common = [name for name in first if first[name] == second.get(name)]
    if not common:
        return None
    sources = left.sources + right.sources
    if draft.chance(0.3) and _names(left) & _names(right) == set(common):
        merged = tuple(Visible(name, first[name]) for name in common)
        return Joined(f"({left.sql} natural {kind} {right.sql})", sources, merged)
    names = draft.rng.sample(common, draft.rng.randint(1, min(2, len(common))))
    merged = tuple(Visible(name, first[name]) for name in names)
    sql = f"{left.sql} {kind} {right.sql} using ({', '.join(names)})"
    if draft.chance(0.2):
        alias = draft.name("u")
        named = Source(alias=alias, columns=merged)
        return Joined(f"({sql} as {alias})", (*sources, named), merged)
    return Joined(f"({sql})", sources, merged)


def _names(item: Joined) -> set[str]:
    return {column.sql for source in item.sources for column in source.columns}


def _unique_columns(item: Joined) -> dict[str, str]:
    names = [column.sql for source in item.sources for column in source.columns]
    return {
        column.sql: column.type
        for source in item.sources
        for column in source.columns
        if names.count(column.sql) == 1
    }
