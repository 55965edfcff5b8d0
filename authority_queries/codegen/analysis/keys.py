"""What tells expressions apart: equal keys are of expressions that are always equal."""

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
    """A column: how many queries further out, in which table there, which one."""

    level: int
    table: int
    column: int
    version: Version = Version.UNSAID


def shape(node: Node, of: Callable[[object], object]) -> tuple[object, ...]:
    """Give what two nodes have in common that mean the same.

    `of` gives what there is in common of the values of their fields.
    """
    return node.kind, *(
        (name, of(value))
        for name, value in node.fields.items()
        if name not in _NOT_OF_THE_VALUE
    )


def shape_of(value: object) -> object:
    """Give the shape of a field's value, its columns counted from where it stands."""
    if isinstance(value, Node):
        return shape(value, shape_of)
    return tuple(map(shape_of, value)) if isinstance(value, list) else value


def table_of(key: object) -> int | None:
    """Give the table of this query that a key is a column of."""
    return key.table if isinstance(key, Place) and key.level == 0 else None


def speaks_of(key: object, table: int, kept: Set[int]) -> bool:
    """Say whether an expression's key speaks of a column of the table not kept."""
    if isinstance(key, tuple):
        return any(speaks_of(part, table, kept) for part in key)
    return isinstance(key, Place) and table_of(key) == table and key.column not in kept
