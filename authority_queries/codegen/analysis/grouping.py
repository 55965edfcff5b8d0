"""GROUP BY and its grouping sets."""

from dataclasses import dataclass

from authority_queries.codegen.analysis.keys import Key, Place
from authority_queries.codegen.analysis.node_kinds import GroupingSet
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import Scope


@dataclass(frozen=True, slots=True)
class Grouping:
    """The keys of GROUP BY: those in every grouping set, and those only in some."""

    always: frozenset[Key]
    sometimes: frozenset[Key]

    def nulls(self, key: Key) -> bool:
        """Return whether a grouping set may make this null."""
        is_column = isinstance(key, Place) and key.level == 0
        return key in self.sometimes or (is_column and key not in self.always)


def read_grouping(scope: Scope) -> Grouping:
    """Read the keys of a query's GROUP BY."""
    expressions = {
        entry.number("ressortgroupref"): entry.child("expr")
        for entry in scope.query.nodes("targetList")
        if entry.number("ressortgroupref")
    }
    sets = scope.query.nodes("groupingSets")
    always = set().union(*map(_in_all, sets))
    keys: dict[bool, set[Key]] = {True: set(), False: set()}
    for clause in scope.query.nodes("groupClause"):
        number = clause.number("tleSortGroupRef")
        expression = expressions.get(number)
        if expression is not None:
            keys[number in always].add(scope.bare.key(expression))
    return Grouping(always=frozenset(keys[True]), sometimes=frozenset(keys[False]))


def is_grouped(query: Node) -> bool:
    """Return whether a query returns groups of rows."""
    return (
        query.flag("hasAggs")
        or bool(query.items("groupClause"))
        or bool(query.items("groupingSets"))
        or query.child("havingQual") is not None
    )


def has_empty_group(query: Node) -> bool:
    """Return whether a query returns a group even when there are no rows."""
    sets = query.nodes("groupingSets")
    if sets:
        return all(map(_may_be_empty, sets))
    return not query.items("groupClause")


def _in_all(node: Node) -> set[int]:
    """Return the numbers that are in each of the node's grouping sets."""
    match node.number("kind"):
        case GroupingSet.SIMPLE:
            return set(node.numbers("content"))
        case GroupingSet.SETS:
            return set.intersection(*map(_in_all, node.nodes("content")))
    return set()


def _may_be_empty(node: Node) -> bool:
    match node.number("kind"):
        case GroupingSet.SIMPLE:
            return False
        case GroupingSet.SETS:
            return any(map(_may_be_empty, node.nodes("content")))
    return True
