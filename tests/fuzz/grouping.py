"""GROUP BY: keys, rollups, cubes, grouping sets, all rows as one group."""

from dataclasses import replace

from tests.fuzz.draft import Draft, Scope, Visible
from tests.fuzz.expressions import expression


def group_by(draft: Draft, rows: Scope) -> tuple[str, Scope]:
    """Draw the clause (empty for one group) and the scope of the groups."""
    # Without the outer query: an aggregate of only its columns would belong to it.
    groups = Scope(outer=rows.outer, grouped=replace(rows.plain(), outer=None))
    if draft.chance(0.3):
        return draft.choose(("", "", " group by ()")), groups
    keyed = [source for source in rows.sources if source.keys and source.kind == "r"]
    if keyed and draft.chance(0.15):
        # All other columns of a table depend on its primary key.
        source = draft.choose(keyed)
        keys = ", ".join(f"{source.alias}.{key}" for key in source.keys)
        return f" group by {keys}", replace(groups, columns=source.qualified)
    keys_ = [_key(draft, rows) for _ in range(draft.rng.randint(1, 3))]
    clause, several = _clause(draft, [key.sql for key in keys_])
    columns = (*keys_, *_grouping(draft, keys_)) if several else tuple(keys_)
    return f" group by {clause}", replace(groups, columns=columns)


def _key(draft: Draft, rows: Scope) -> Visible:
    if rows.columns and draft.chance(0.8):
        return draft.choose(rows.columns)
    type_ = draft.type()
    # In parentheses: a bare constant would be a position in the select list.
    return Visible(f"({expression(draft, rows.plain(), type_, 1)})", type_)


def _grouping(draft: Draft, keys: list[Visible]) -> list[Visible]:
    return [Visible(f"grouping({draft.choose(keys).sql})", "int")]


def _clause(draft: Draft, keys: list[str]) -> tuple[str, bool]:
    """Return the clause, and whether a key may be missing from a group."""
    listed = ", ".join(keys)
    if draft.chance(0.45):
        return f"{draft.choose(('', '', 'distinct '))}{listed}", False
    some = ", ".join(draft.rng.sample(keys, draft.rng.randint(1, len(keys))))
    return (
        draft.choose(
            (
                f"rollup ({listed})",
                f"cube ({listed})",
                f"grouping sets (({listed}), ({some}))",
                f"grouping sets (({listed}), ())",
                f"grouping sets (({some}), rollup ({listed}))",
                f"{keys[0]}, rollup ({listed})",
            )
        ),
        True,
    )
