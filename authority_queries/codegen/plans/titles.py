"""The line of a node, as EXPLAIN's text form has it."""

from collections.abc import Mapping
from typing import Final

# In the order in which they are printed.
DETAILS: Final = (
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Merge Cond",
    "Hash Cond",
    "Cache Key",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Order By",
    "Conflict Resolution",
    "Conflict Arbiter Indexes",
    "Conflict Filter",
)
CONDITIONS: Final = frozenset(
    name for name in DETAILS if name.endswith(("Cond", "Filter"))
)
_JOINS: Final = {
    "Nested Loop": "Nested Loop",
    "Hash Join": "Hash",
    "Merge Join": "Merge",
}
_AGGREGATES: Final = {
    "Hashed": "HashAggregate",
    "Sorted": "GroupAggregate",
    "Mixed": "MixedAggregate",
}


def title_of(
    node: Mapping[str, object],
    *,
    table: str | None,
    alias: str,
    index: str | None,
    is_partition: bool,
) -> str:
    """Give the line, under which name whatever it reads goes."""
    subplan = f"{node['Subplan Name']}: " if "Subplan Name" in node else ""
    title = subplan + _kind(node)
    if table is None:
        source = index or node.get("CTE Name") or node.get("Function Name")
        names = dict.fromkeys(str(name) for name in (source, alias) if name)
        return f"{title} on {' '.join(names)}" if names else title
    using = f" using {index}" if index else ""
    renamed = "" if alias == table.rpartition(".")[2] else f" {alias}"
    partitions = " (partitions)" if is_partition else ""
    return f"{title}{using} on {table}{renamed}{partitions}"


def _kind(node: Mapping[str, object]) -> str:
    kind = str(node["Node Type"])
    join = node.get("Join Type", "Inner")
    match kind:
        case "ModifyTable":
            return str(node["Operation"])
        case "Aggregate":
            return _AGGREGATES.get(str(node["Strategy"]), kind)
        case "SetOp":
            return f"{kind} {node['Command']}"
        case "Nested Loop" | "Hash Join" | "Merge Join" if join != "Inner":
            return f"{_JOINS[kind]} {join} Join"
    return f"{kind} Backward" if node.get("Scan Direction") == "Backward" else kind
