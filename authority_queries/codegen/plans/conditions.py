"""The conditions that hold at a node of a plan, at whichever node they are checked.

PostgreSQL distributes equalities over the plan: for `a = b and b = c` it may check
`a = c` at a scan, and `b = c` at a node above or at the other side of a join.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from authority_queries.codegen.plans.condition_text import sides_of, source_of
from authority_queries.codegen.plans.explained import CONDITIONS
from authority_queries.codegen.plans.plan_node import PlanNode

_Clauses = frozenset[str]
_NONE: Final[_Clauses] = frozenset()
_SUBPLANS: Final = frozenset({"InitPlan", "SubPlan"})
_BOTH: Final = ("Outer", "Inner")
# The sides whose rows a join keeps even without a matching row of the other side.
_KEPT_SIDES: Final[dict[str, tuple[str, ...]]] = {
    "": (),
    "Inner": (),
    "Semi": (),
    "Right Semi": (),
    "Left": ("Outer",),
    "Anti": ("Outer",),
    "Right": ("Inner",),
    "Right Anti": ("Inner",),
}


def in_context(
    node: PlanNode, context: _Clauses = _NONE
) -> Iterator[tuple[PlanNode, _Clauses]]:
    """Return each node from the top, with the conditions that its useful rows meet."""
    yield node, context | _clauses(node)
    for child in node.children:
        yield from in_context(child, _context_of(child, node, context))


def equal_sources(source: str, clauses: Iterable[str]) -> frozenset[str]:
    """Return the sources that these clauses equate with a source, including itself."""
    pairs = [{source_of(side) for side in sides_of(clause)} for clause in clauses]
    known = frozenset({source})
    while found := {
        each for pair in pairs if not known.isdisjoint(pair) for each in pair - known
    }:
        known |= found
    return known


def _context_of(child: PlanNode, node: PlanNode, context: _Clauses) -> _Clauses:
    if child.relationship in _SUBPLANS:
        return context | _met(node) | _tests(child, node)
    kept = _kept_sides(node)
    if child.relationship in kept:
        return context | _clauses(node, above_join=True)
    siblings = [each for each in _inputs(node) if node.join and each is not child]
    return context.union(_clauses(node), *(_met(sibling) for sibling in siblings))


def _tests(subplan: PlanNode, node: PlanNode) -> _Clauses:
    """Return the values that the node compares with columns of a subplan (IN, EXISTS).

    A row of the subplan that equals none of them has no effect.
    """
    test = re.compile(
        rf"([:\w.\"]+) = \((?:hashed )?{re.escape(subplan.subplan)}\)\.col(\d+)"
    )
    said = [*node.output, *(each for _, clauses in node.details for each in clauses)]
    return frozenset(
        f"{source} = {subplan.output[int(column) - 1]}"
        for text in said
        for source, column in test.findall(text)
    )


def _met(node: PlanNode) -> _Clauses:
    """Return the clauses that hold for each row that a node returns."""
    kept = _kept_sides(node)
    own = _clauses(node, above_join=bool(kept))
    if node.kind == "Aggregate" and not node.detail("Group Key"):
        return own  # It returns a row even without input rows.
    inputs = [
        _met(child) for child in _inputs(node) if not kept or child.relationship in kept
    ]
    if node.join and not kept:
        return own.union(*inputs)
    return own | _in_all(inputs)


def _in_all(inputs: Sequence[_Clauses]) -> _Clauses:
    return frozenset.intersection(*inputs) if inputs else _NONE


def _inputs(node: PlanNode) -> list[PlanNode]:
    return [child for child in node.children if child.relationship not in _SUBPLANS]


def _kept_sides(node: PlanNode) -> tuple[str, ...]:
    return _KEPT_SIDES.get(node.join, _BOTH)


def _clauses(node: PlanNode, *, above_join: bool = False) -> _Clauses:
    names = {"Filter", "One-Time Filter"} if above_join else CONDITIONS
    return frozenset(
        clause for name, clauses in node.details if name in names for clause in clauses
    )
