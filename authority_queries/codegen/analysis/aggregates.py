"""Facts of aggregates and window functions."""

from dataclasses import replace
from typing import Final

from authority_queries.codegen.analysis.catalogue import Allowed, Catalogue, Function
from authority_queries.codegen.analysis.grouping import has_empty_group
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import View
from authority_queries.codegen.analysis.tables import ByKind, Describe, Tables
from authority_queries.codegen.facts import (
    NEVER_NULL,
    UNKNOWN,
    Fact,
    either,
    maybe_null,
)

_KEEP_VALUES: Final = frozenset({"max", "min", "any_value"})
_JSON_KINDS: Final = {
    "json_agg": "array",
    "jsonb_agg": "array",
    "json_object_agg": "object",
    "jsonb_object_agg": "object",
}
# PostgreSQL's FRAMEOPTION bits.
_ROWS: Final = 0x4
_GROUPS: Final = 0x8
_STARTS_BEFORE: Final = 0x20 | 0x200  # unbounded preceding, current row
_STARTS_SOME_BEFORE: Final = 0x800  # offset preceding
_ENDS_AFTER: Final = 0x100 | 0x400  # unbounded following, current row
_ENDS_SOME_AFTER: Final = 0x4000  # offset following
_EXCLUDES: Final = 0x8000 | 0x10000 | 0x20000


class Summaries:
    """Describes the results of aggregates and window functions."""

    def __init__(
        self, tables: Tables, catalogue: Catalogue, describe: Describe
    ) -> None:
        self._tables = tables
        self._catalogue = catalogue
        self._describe = describe
        self.by_kind: ByKind = {
            "AGGREF": self._aggregate,
            "WINDOWFUNC": self._window,
        }

    def _aggregate(self, expression: Node, view: View) -> Fact:
        """Describe an aggregate over a group of this query or of an outer one."""
        known = self._catalogue.functions[expression.number("aggfnoid")]
        if expression.number("agglevelsup"):
            return Fact(nullable=not (known.is_builtin and known.name == "count"))
        rows = self._tables.rows(view.scope)
        arguments = [
            self._describe(entry.child("expr"), rows)
            for entry in expression.nodes("args")
            if not entry.flag("resjunk")
        ]
        is_filtered = expression.child("aggfilter") is not None
        return _describe_aggregate(
            known,
            arguments,
            self._catalogue.allowed,
            has_rows=not (is_filtered or has_empty_group(view.scope.query)),
        )

    def _window(self, expression: Node, view: View) -> Fact:
        """Describe a window function."""
        known = self._catalogue.functions[expression.number("winfnoid")]
        (window,) = (
            window
            for window in view.scope.query.nodes("windowClause")
            if window.number("winref") == expression.number("winref")
        )
        return _describe_window(
            known,
            [self._describe(one, view) for one in expression.nodes("args")],
            self._catalogue.allowed,
            frame=window.number("frameOptions"),
            is_filtered=expression.child("aggfilter") is not None,
        )


def _describe_aggregate(
    function: Function, arguments: list[Fact], allowed: Allowed, *, has_rows: bool
) -> Fact:
    """Describe an aggregate over a group.

    `has_rows` is True when no group is empty and no filter can make one empty.
    """
    if not function.is_builtin:
        return UNKNOWN
    if function.name == "count":
        return NEVER_NULL
    is_strict = function.name in allowed.strict_aggregates
    takes_no_null = is_strict and not any(one.nullable for one in arguments)
    gives_values = function.name in allowed.aggregates or takes_no_null
    nullable = not (has_rows and gives_values)
    if function.name in _KEEP_VALUES:
        return replace(arguments[0], nullable=nullable)
    return Fact(
        nullable=nullable,
        elements_nullable=_may_hold_nulls(function, arguments),
        json_kind=_JSON_KINDS.get(function.name),
    )


def _may_hold_nulls(function: Function, arguments: list[Fact]) -> bool:
    match function.signature:
        case "array_agg(anynonarray)":
            return arguments[0].nullable
        case "array_agg(anyarray)":  # an array of their elements
            return arguments[0].elements_nullable
    return True


def _describe_window(
    function: Function,
    arguments: list[Fact],
    allowed: Allowed,
    *,
    frame: int,
    is_filtered: bool,
) -> Fact:
    """Describe a window function, or an aggregate over a window."""
    if function.signature in allowed.window_functions:
        return NEVER_NULL
    match function.signature.partition("(")[0], arguments:
        case "ntile", [count]:
            return Fact(nullable=count.nullable)
        case "lag" | "lead", [value, offset, default]:
            fact = either([value, default])
            return maybe_null(fact) if offset.nullable else fact
        case "first_value" | "last_value", [value]:
            return value if _holds_its_row(frame) else maybe_null(value)
        case "lag" | "lead" | "nth_value", [value, *_]:
            return maybe_null(value)
    has_rows = _holds_its_row(frame) and not is_filtered
    return _describe_aggregate(function, arguments, allowed, has_rows=has_rows)


def _holds_its_row(frame: int) -> bool:
    """Return whether a row's frame always contains the row itself."""
    counted = frame & (_ROWS | _GROUPS)
    starts = frame & _STARTS_BEFORE or (counted and frame & _STARTS_SOME_BEFORE)
    ends = frame & _ENDS_AFTER or (counted and frame & _ENDS_SOME_AFTER)
    return bool(starts and ends and not frame & _EXCLUDES)
