"""What a plan must not do, and the exceptions that a query may ask for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authority_queries.codegen.model import PlanException, Query
from authority_queries.codegen.plans.nodes import PlanNode

_SYSTEM_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema", "pg_toast"})
_YOYO_TABLES: Final = frozenset(
    {"_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"}
)
_INDEX_SCANS: Final = frozenset({"Index Scan", "Index Only Scan"})
# Strings and casts, which say nothing of where a value is from.
_BESIDES: Final = re.compile(r"'(?:[^']|'')*'|::[\w.\"]+")
# A parameter, what a subquery gave, or a column of an outer node.
_GIVEN: Final = re.compile(r":\w|\bInitPlan \d|[^\W\d]\w*\"?\.")
_REMEDIES: Final = {
    "seq_scan": "add an index for its conditions",
    "full_index_scan": "make a condition on its first columns",
    "cross_tenant": "compare the tenant's column with =, and index it first",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFinding:
    """What is wrong with the plan of the query at `place`, and what to do about it."""

    place: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRules:
    """Tables by schema and name: those that do not grow, and those of tenants.

    `tenant_columns` gives for a table the column that says whose a row is.
    """

    fixed_tables: frozenset[str]
    tenant_columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Violation:
    rule: str
    target: str
    what: str


def judge(query: Query, plan: PlanNode, rules: PlanRules) -> Iterator[PlanFinding]:
    """Give what the plan does without an exception, and exceptions without a need."""
    violations = list(dict.fromkeys(_violations(plan, rules)))
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
        return "of what?", "name the table with its schema, or the index"
    if not any(_permits(exception, violation) for violation in violations):
        return "the plan does no such thing", "take the tag out"
    return None


def _violations(plan: PlanNode, rules: PlanRules) -> Iterator[_Violation]:
    for node in plan.walk():
        if node.table and _is_ours(node.table):
            if node.table not in rules.fixed_tables:
                yield from _whole_reads(node)
            column = rules.tenant_columns.get(node.table)
            if column and not _is_bound(node, node.alias, column):
                what = f"reads {node.table} with no {column} in its index condition"
                yield _Violation("cross_tenant", node.table, what)


def _is_ours(table: str) -> bool:
    schema, _, name = table.partition(".")
    return schema not in _SYSTEM_SCHEMAS and name not in _YOYO_TABLES


def _whole_reads(node: PlanNode) -> Iterator[_Violation]:
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


def _is_bound(node: PlanNode, alias: str, column: str) -> bool:
    """Tell whether a scan reads the rows of one tenant, as far as its index goes.

    A scan that reads everything has no index condition, and is told of as such: then
    its filter counts.
    """
    match node.kind:
        case "Bitmap Heap Scan" | "BitmapAnd":
            return any(_is_bound(part, alias, column) for part in node.children)
        case "BitmapOr":
            return all(_is_bound(part, alias, column) for part in node.children)
    clauses = node.detail("Index Cond") or node.detail("Filter")
    return any(_binds(clause, alias, column) for clause in clauses)


def _binds(clause: str, alias: str, column: str) -> bool:
    left, _, right = _BESIDES.sub("", clause).partition(" = ")
    named = left.replace('"', "").strip("()")
    return named == f"{alias}.{column}" and bool(_GIVEN.search(right))
