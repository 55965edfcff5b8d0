"""What is known of what aggregates and window functions give."""

from dataclasses import replace
from typing import Final

from authority_queries.codegen.analysis.allowed import Allowed
from authority_queries.codegen.analysis.catalogue import Function
from authority_queries.codegen.analysis.facts import (
    NEVER_NULL,
    UNKNOWN,
    either,
    maybe_null,
)
from authority_queries.codegen.model import Fact

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


def describe_aggregate(
    function: Function, arguments: list[Fact], allowed: Allowed, *, has_rows: bool
) -> Fact:
    """Describe an aggregate over a group.

    `has_rows` says that no group is empty, and that no filter can make it so.
    """
    if not function.is_builtin:
        return UNKNOWN
    if function.name == "count":
        return NEVER_NULL
    nullable = not has_rows or not (
        function.name in allowed.aggregates
        or (
            function.name in allowed.strict_aggregates
            and not any(argument.nullable for argument in arguments)
        )
    )
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


def describe_window(
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
    return describe_aggregate(function, arguments, allowed, has_rows=has_rows)


def _holds_its_row(frame: int) -> bool:
    """Say whether a frame always holds the row that it is the frame of."""
    counted = frame & (_ROWS | _GROUPS)
    starts = frame & _STARTS_BEFORE or (counted and frame & _STARTS_SOME_BEFORE)
    ends = frame & _ENDS_AFTER or (counted and frame & _ENDS_SOME_AFTER)
    return bool(starts and ends and not frame & _EXCLUDES)
