"""Keys of expressions. Expressions with equal keys always have equal values."""

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Final, TypeAlias

from authority_queries.codegen.analysis.node_kinds import Version
from authority_queries.codegen.analysis.query_tree import Node

Key: TypeAlias = "Place | tuple[object, ...]"

_NOT_OF_THE_VALUE: Final = frozenset(
    {
        "location",
        "list_start",
        "list_end",
        "varnullingrels",
        "varnosyn",
        "varattnosyn",
        "funcformat",
        "relabelformat",
        "coerceformat",
        "coercionformat",
        "resname",
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """A column: the number of queries outward, the table there, the column's number."""

    level: int
    table: int
    column: int
    version: Version = Version.UNSAID


def shape(node: Node, of: Callable[[object], object]) -> tuple[object, ...]:
    """Return a value that is equal for nodes with the same meaning.

    `of` returns such a value for a field's value.
    """
    return node.kind, *(
        (name, of(value))
        for name, value in node.fields.items()
        if name not in _NOT_OF_THE_VALUE
    )


def shape_of(value: object) -> object:
    """Return the shape of a field's value, with columns as the node has them."""
    if isinstance(value, Node):
        return shape(value, shape_of)
    return tuple(map(shape_of, value)) if isinstance(value, list) else value


def table_of(key: object) -> int | None:
    """Return the index of the table, if the key is a column of this query."""
    return key.table if isinstance(key, Place) and key.level == 0 else None


def speaks_of(key: object, table: int, kept: Set[int]) -> bool:
    """Return whether an expression uses a column of the table that is not kept."""
    if isinstance(key, tuple):
        return any(speaks_of(part, table, kept) for part in key)
    return isinstance(key, Place) and table_of(key) == table and key.column not in kept
