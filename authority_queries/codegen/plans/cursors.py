"""Whether a plan begins to read a list where its cursor points.

A cursor is a parameter named `after` or `before`, or whose name begins with one of them
and `_`. A filter on it reads and drops all rows of the pages before.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from authority_queries.codegen.plans.plan_node import PlanNode

_CURSOR: Final = re.compile(r"(after|before)(_|$)")
_CONDITION: Final = "Index Cond"


def cursor_faults(
    plan: PlanNode, parameters: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Return each cursor that is no index condition or precedes a sort, and why."""
    for cursor in filter(is_cursor, parameters):
        begun = [node for node in plan.walk() if _begins_at(node, cursor)]
        if not begun:
            yield cursor, f"no index condition has the cursor :{cursor}"
        elif any(_sorts(node, cursor) for node in plan.walk()):
            yield cursor, f"sorts all rows beyond the cursor :{cursor}"


def is_cursor(parameter: str) -> bool:
    """Return whether a parameter of this name is a cursor."""
    return bool(_CURSOR.match(parameter))


def _begins_at(node: PlanNode, cursor: str) -> bool:
    named = re.compile(rf":{cursor}\b")
    return any(named.search(clause) for clause in node.detail(_CONDITION))


def _sorts(node: PlanNode, cursor: str) -> bool:
    """Return whether a sort of all rows beyond the cursor precedes this limit."""
    return node.kind == "Limit" and any(
        below.kind == "Sort" and any(_begins_at(each, cursor) for each in _read(below))
        for below in _read(node)
    )


def _read(node: PlanNode) -> Iterator[PlanNode]:
    """Return the nodes below that are read until they end, so none below a limit."""
    for child in node.children:
        if child.kind != "Limit":
            yield child
            yield from _read(child)
