"""The rules for plans, and the exceptions that a query may ask for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authority_queries.codegen.plans.conditions import in_context
from authority_queries.codegen.plans.cursors import cursor_faults
from authority_queries.codegen.plans.plan_node import PlanNode
from authority_queries.codegen.plans.tenancy import tenancy_of
from authority_queries.codegen.query import PlanException, Query

_SYSTEM_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema", "pg_toast"})
_YOYO_TABLES: Final = frozenset(
    {"_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"}
)
_INDEX_SCANS: Final = frozenset({"Index Scan", "Index Only Scan"})
_REMEDIES: Final = {
    "seq_scan": "add an index for its conditions",
    "full_index_scan": "make a condition on its first columns",
    "cross_tenant": "compare the tenant's column with =, and index it first",
    "cursor": "compare an indexed column with it alone: `id > coalesce(:after, …)`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFinding:
    """A problem of the plan of the query at `place`, and its remedy."""

    place: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRules:
    """Tables by schema and name: those that do not grow, and those of tenants.

    `tenant_columns` maps a table to the column with a row's tenant. `role` executes the
    queries without `@role`.
    """

    fixed_tables: frozenset[str]
    tenant_columns: Mapping[str, str]
    role: str | None = None


@dataclass(frozen=True, slots=True)
class _Violation:
    rule: str
    target: str
    what: str


def judge(
    query: Query, plan: PlanNode | None, apart: PlanNode | None, rules: PlanRules
) -> Iterator[PlanFinding]:
    """Return the violations without an exception, and the tags without an effect.

    In the plan `apart` no policy passes a condition of the query from one table to
    another. A script or a copy has no plan, and so no violation.
    """
    if query.tags.role == (rules.role or "none"):
        what = f"@role {query.tags.role}: the role of all queries"
        yield PlanFinding(place=query.place, what=what, remedy="remove the tag")
    found = [
        *(_whole_reads(plan, rules) if plan else ()),
        *(_cross_tenant_reads(apart, rules) if apart else ()),
        *(_lost_cursors(plan, query) if plan else ()),
    ]
    violations = list(dict.fromkeys(found))
    for violation in violations:
        if not any(_permits(known, violation) for known in query.tags.plans):
            tag = f"-- @plan {violation.rule} {violation.target} -- why"
            yield PlanFinding(
                place=query.place,
                what=violation.what,
                remedy=f"{_REMEDIES[violation.rule]}, or permit it: {tag}",
            )
    for exception in query.tags.plans:
        fault = _fault(exception, violations)
        if fault:
            what = f"@plan {exception.permitted}: {fault[0]}"
            yield PlanFinding(place=query.place, what=what, remedy=fault[1])


def _permits(exception: PlanException, violation: _Violation) -> bool:
    rule, _, target = exception.permitted.partition(" ")
    everywhere = rule == "cross_tenant" and not target
    return rule == violation.rule and (everywhere or target == violation.target)


def _fault(
    exception: PlanException, violations: list[_Violation]
) -> tuple[str, str] | None:
    rule, _, target = exception.permitted.partition(" ")
    if rule not in _REMEDIES:
        return "no such exception", f"there are {', '.join(_REMEDIES)}"
    if not target and rule != "cross_tenant":
        return (
            "names no table, index or cursor",
            "name the table with its schema, the index or the cursor",
        )
    if not any(_permits(exception, violation) for violation in violations):
        return "the plan does not do this", "remove the tag"
    return None


def _cross_tenant_reads(plan: PlanNode, rules: PlanRules) -> Iterator[_Violation]:
    tenancy = tenancy_of(plan, rules.tenant_columns)
    for node, known in in_context(plan):
        if node.table:
            column = rules.tenant_columns.get(node.table)
            if column and not tenancy.is_bound(node, column, known):
                what = f"reads {node.table} with no {column} in its index condition"
                yield _Violation("cross_tenant", node.table, what)


def _lost_cursors(plan: PlanNode, query: Query) -> Iterator[_Violation]:
    for cursor, what in cursor_faults(plan, query.parameters):
        yield _Violation("cursor", cursor, what)


def _is_ours(table: str) -> bool:
    schema, _, name = table.partition(".")
    return schema not in _SYSTEM_SCHEMAS and name not in _YOYO_TABLES


def _whole_reads(plan: PlanNode, rules: PlanRules) -> Iterator[_Violation]:
    for node in plan.walk():
        table = node.table
        if table and _is_ours(table) and table not in rules.fixed_tables:
            yield from _whole_reads_of(node)


def _whole_reads_of(node: PlanNode) -> Iterator[_Violation]:
    if node.kind in {"Seq Scan", "Sample Scan"}:
        yield _Violation("seq_scan", node.table or "", f"reads all of {node.table}")
    for part in _with_bitmaps(node):
        if part.index and not part.detail("Index Cond"):
            what = f"reads all of the index {part.index} of {node.table}"
            yield _Violation("full_index_scan", part.index, what)


def _with_bitmaps(node: PlanNode) -> Iterator[PlanNode]:
    yield node
    for child in node.children:
        if child.kind.startswith("Bitmap") and not child.table:
            yield from _with_bitmaps(child)
