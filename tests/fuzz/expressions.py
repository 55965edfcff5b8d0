"""Typed expressions over what a scope shows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tests.fuzz import calls, templates
from tests.fuzz.conditions import CONDITIONS
from tests.fuzz.data import BY_TYPE, quoted
from tests.fuzz.draft import Draft, Scope
from tests.fuzz.world import TYPES

_NAMES: Final = "|".join((*TYPES, "t", "u", "c", "any", "row"))
_PLACE: Final = re.compile(rf"\{{(?:(query|one):)?((?:{_NAMES})(?:,(?:{_NAMES}))?)\}}")
_QUALIFIED: Final = re.compile(r"\w+\.\w+")
_CALL: Final = re.compile(r"[\w.]*\([^()]*\)")
_ARRAYS: Final = ("texts", "ints")


def expression(draft: Draft, scope: Scope, type_: str, depth: int = 2) -> str:
    """Draw an expression of a short type, at most so many templates deep."""
    if depth <= 0 or draft.chance(0.3):
        return leaf(draft, scope, type_)
    if scope.windows is not None and draft.chance(0.3):
        return window_function(draft, scope, type_)
    if scope.grouped is not None and draft.chance(0.4):
        return aggregate(draft, scope.grouped, type_)
    template = _template(draft, type_)
    drawn = render(draft, scope, template, depth - 1, {"t": type_})
    return drawn if _CALL.fullmatch(template) else f"({drawn})"


def predicate(draft: Draft, scope: Scope, depth: int = 2) -> str:
    """Draw a condition, usually on a column."""
    if scope.columns and draft.chance(0.5):
        type_ = draft.choose(scope.columns).type
        template = draft.choose(_fitting(CONDITIONS, type_))
        return f"({render(draft, scope, template, 0, {'t': type_})})"
    template = draft.choose(CONDITIONS)
    return f"({render(draft, scope, template, depth - 1, {})})"


def leaf(draft: Draft, scope: Scope, type_: str) -> str:
    """Draw a column, or else an aggregate, a parameter, a constant, a null."""
    own = scope.of_type(type_)
    if own and draft.chance(0.8):
        return draft.choose(own).sql
    if scope.grouped is not None and draft.chance(0.4):
        return aggregate(draft, scope.grouped, type_)
    outer = scope.outer.of_type(type_) if scope.outer else []
    # Without a qualifier PostgreSQL looks for a column of the inner query first.
    outer = [column for column in outer if _QUALIFIED.fullmatch(column.sql)]
    if outer and draft.chance(0.5):
        return draft.choose(outer).sql
    if draft.chance(0.12):
        return draft.parameter(type_)
    if draft.chance(0.12):
        return f"null::{TYPES[type_]}"
    return literal(draft, type_)


def literal(draft: Draft, type_: str) -> str:
    return f"{quoted(draft.choose(BY_TYPE[type_]))}::{TYPES[type_]}"


def aggregate(draft: Draft, scope: Scope, type_: str) -> str:
    """Draw an aggregate of this type over the rows of `scope`."""
    known = calls.AGGREGATES[type_]
    if not known:
        return literal(draft, type_)
    call = render(draft, scope, draft.choose(known), 1, {})
    if draft.chance(0.25):
        call += f" filter (where {predicate(draft, scope, 1)})"
    return call


def window_function(draft: Draft, scope: Scope, type_: str) -> str:
    """Draw a window function over a window of its own, or a named one."""
    known = calls.WINDOW_FUNCTIONS.get(type_, ())
    template = draft.choose((*known, *calls.WINDOW_GENERIC))
    within = replace(scope, windows=None)
    call = render(draft, within, template, 1, {"t": type_})
    if "string_agg" not in call and "lag" not in call and draft.chance(0.15):
        aggregates = ("count", "sum", "avg", "max", "bool_or", "array_agg")
        if call.startswith(aggregates):
            call += f" filter (where {predicate(draft, within, 1)})"
    if scope.windows and draft.chance(0.4):
        return f"{call} over {draft.choose(scope.windows)}"
    return f"{call} over ({window(draft, within)})"


def window(draft: Draft, scope: Scope) -> str:
    """Draw the window between the parentheses of OVER."""
    parts = []
    if draft.chance(0.4):
        parts.append(f"partition by {leaf(draft, scope, draft.type())}")
    if draft.chance(0.7):
        order = draft.choose(("", " desc", " nulls first"))
        parts.append(f"order by {leaf(draft, scope, draft.type())}{order}")
    if draft.chance(0.4):
        start = draft.choose(("unbounded preceding", "1 preceding", "current row"))
        end = draft.choose(("current row", "1 following", "unbounded following"))
        exclude = draft.choose(("", "", " exclude current row", " exclude ties"))
        if draft.chance(0.15):
            start, end = "3 preceding", "2 preceding"
        parts.append(f"rows between {start} and {end}{exclude}")
    return " ".join(parts)


def render(
    draft: Draft, scope: Scope, template: str, depth: int, bound: Mapping[str, str]
) -> str:
    """Fill the places of a template. `bound` has the fixed types of t and u."""
    types = {"t": _plain_type(draft), "u": _plain_type(draft), **bound}
    column = leaf(draft, scope, types["t"]) if "{c}" in template else ""

    def fill(place: re.Match[str]) -> str:
        names = [types.get(name, name) for name in place[2].split(",")]
        names = [draft.type() if name == "any" else name for name in names]
        if place[1]:
            return _subquery(draft, scope, names, one=place[1] == "one")
        if names == ["c"]:
            return column
        if names == ["row"]:
            return _whole_row(draft, scope)
        return expression(draft, scope, names[0], depth)

    return _PLACE.sub(fill, template)


def _plain_type(draft: Draft) -> str:
    type_ = draft.type()
    return "int" if type_ in _ARRAYS else type_


def _fitting(choice: Sequence[str], type_: str) -> list[str]:
    """Drop templates that would make an array of arrays, which has another type."""
    return [one for one in choice if "array[" not in one or type_ not in _ARRAYS]


def _template(draft: Draft, type_: str) -> str:
    own = templates.BY_TYPE[type_]
    modern = [
        template
        for version, result, template in templates.MODERN
        if result == type_ and version <= draft.world.version
    ]
    if draft.chance(0.4):
        common = templates.GENERIC
        return draft.choose(_fitting((*common, *templates.ORDERED), type_))
    return draft.choose((*own, *modern))


def _subquery(draft: Draft, scope: Scope, types: list[str], *, one: bool) -> str:
    # A subquery can refer to columns, and not to grouped expressions.
    columns = tuple(
        column for column in scope.columns if _QUALIFIED.fullmatch(column.sql)
    )
    visible = replace(scope.plain(), columns=columns)
    if not draft.may_nest():
        values = ", ".join(leaf(draft, visible, type_) for type_ in types)
        return f"select {values}"
    query = draft.make_query(draft, visible, types).sql
    return f"({query}) limit 1" if one and draft.chance(0.7) else query


def _whole_row(draft: Draft, scope: Scope) -> str:
    aliases = [source.alias for source in scope.sources if source.kind != "function"]
    if not aliases or scope.grouped is not None:
        return f"row({leaf(draft, scope, 'int')}, {leaf(draft, scope, 'text')})"
    return draft.choose(aliases)
