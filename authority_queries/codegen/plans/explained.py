"""EXPLAIN's output: the nodes of FORMAT JSON, and the titles of its text format."""

from collections.abc import Iterator, Mapping
from typing import Final, cast

import psycopg
from psycopg.rows import scalar_row

RawNode = Mapping[str, object]
EXPLAIN: Final = b"explain (generic_plan, verbose, format json) "
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


def explain(connection: psycopg.Connection[object], statement: str) -> RawNode:
    """Return the top node of a statement's generic plan. Raises psycopg.Error."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        # Without arguments psycopg sends the text unchanged.
        ((explained,),) = cursor.execute(EXPLAIN + statement.encode())
    return cast("Mapping[str, RawNode]", explained)["Plan"]


def word(node: RawNode, key: str) -> str:
    """Return a text of the node, empty when it has none."""
    value = node.get(key)
    return value if isinstance(value, str) else ""


def relation_of(node: RawNode) -> str:
    """Return the table that the node reads or writes, with its schema, or ""."""
    name = word(node, "Relation Name")
    return f"{word(node, 'Schema')}.{name}" if name else ""


def children_of(node: RawNode) -> list[RawNode]:
    """Return the nodes directly below."""
    children = node.get("Plans")
    return children if isinstance(children, list) else []


def walk(node: RawNode) -> Iterator[RawNode]:
    """Return the node and all nodes below it, from the top."""
    yield node
    for child in children_of(node):
        yield from walk(child)


def title_of(
    node: RawNode,
    table: str | None,
    alias: str,
    index: str | None,
    *,
    is_partition: bool,
) -> str:
    """Return the title of a node that reads this table and this index."""
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


def _kind(node: RawNode) -> str:
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
