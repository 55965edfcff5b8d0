"""Plans in EXPLAIN's own form: what FORMAT JSON gives."""

from collections.abc import Iterator, Mapping
from typing import Final, cast

import psycopg
from psycopg.rows import scalar_row

RawNode = Mapping[str, object]

_EXPLAIN: Final = b"explain (generic_plan, verbose, format json) "


def explain(connection: psycopg.Connection[object], statement: str) -> RawNode:
    """Give the top node of a statement's generic plan. Raises psycopg.Error."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        # Without arguments nothing is replaced in the text.
        ((explained,),) = cursor.execute(_EXPLAIN + statement.encode())
    return cast("Mapping[str, RawNode]", explained)["Plan"]


def word(node: RawNode, key: str) -> str:
    """Give a text of the node, empty when it has none."""
    value = node.get(key)
    return value if isinstance(value, str) else ""


def relation_of(node: RawNode) -> str:
    """Give the table that the node reads or writes, with its schema, or nothing."""
    name = word(node, "Relation Name")
    return f"{word(node, 'Schema')}.{name}" if name else ""


def children_of(node: RawNode) -> list[RawNode]:
    """Give the nodes directly below."""
    children = node.get("Plans")
    return children if isinstance(children, list) else []


def walk(node: RawNode) -> Iterator[RawNode]:
    """Give the node and all nodes below it, from the top."""
    yield node
    for child in children_of(node):
        yield from walk(child)
