"""Whether a query itself restricts the tenant whose rows it reads.

Row-level security binds every scan to the session's tenant: a query without a condition
of its own then has an index condition too. That condition does not count, because it
would hide that the query's own is missing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from authority_queries.codegen.plans.condition_text import (
    SESSION_TENANT,
    sides_of,
    source_of,
)
from authority_queries.codegen.plans.conditions import equal_sources
from authority_queries.codegen.plans.plan_node import PlanNode

# A parameter, the result of a subquery, or a column of an outer node, no function.
_GIVEN: Final = re.compile(r":\w|\bInitPlan \d|[^\W\d]\w*\.\w+(?![\w(])")


@dataclass(frozen=True, slots=True)
class Tenancy:
    """The tenants in a plan: their columns, and the session's tenant."""

    columns: frozenset[str]
    session_tenants: frozenset[str]

    def is_bound(self, node: PlanNode, column: str, known: frozenset[str]) -> bool:
        """Return whether a scan reads the rows of one tenant, as far as its index goes.

        `known` are the clauses that hold at the scan. A scan without an index condition
        breaks a rule of its own; its filter counts here.
        """
        return self._binds(node, f"{node.alias}.{column}", known)

    def _binds(self, node: PlanNode, column: str, known: frozenset[str]) -> bool:
        parts = [self._binds(part, column, known) for part in node.children]
        match node.kind:
            case "Bitmap Heap Scan" | "BitmapAnd":
                return any(parts)
            case "BitmapOr":
                return all(parts)
        clauses = node.detail("Index Cond") or node.detail("Filter")
        return any(
            self._is_given(source, known)
            for clause in clauses
            for source in _compared(clause, column)
        )

    def _is_given(self, source: str, known: frozenset[str]) -> bool:
        if source in self.session_tenants:
            equal = equal_sources(source, known) - self.session_tenants - self.columns
            return any(self._is_given(each, known) for each in equal)
        for session_tenant in self.session_tenants:
            source = source.replace(session_tenant, "")
        return bool(_GIVEN.search(source))


def _compared(clause: str, column: str) -> list[str]:
    """Return the values that the clause compares the column with for equality."""
    sides = [source_of(side) for side in sides_of(clause)]
    if column not in sides:
        return []
    sides.remove(column)
    return sides


def tenancy_of(plan: PlanNode, tenant_columns: Mapping[str, str]) -> Tenancy:
    """Find the tenants in a plan; `tenant_columns` has the columns by their tables."""
    nodes = list(plan.walk())
    return Tenancy(
        columns=frozenset(
            f"{node.alias}.{tenant_columns[node.table]}"
            for node in nodes
            if node.table and node.table in tenant_columns
        ),
        session_tenants=frozenset(
            node.session_tenant for node in nodes if node.session_tenant
        )
        | {SESSION_TENANT},
    )
