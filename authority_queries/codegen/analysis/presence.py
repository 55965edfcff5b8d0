"""Queries whose result is never empty."""

from typing import Protocol

from authority_queries.codegen.analysis.grouping import has_empty_group, is_grouped
from authority_queries.codegen.analysis.node_kinds import (
    CallForm,
    Command,
    Join,
    Kind,
    OnConflict,
    SetOperation,
)
from authority_queries.codegen.analysis.query_tree import Node, integer_of
from authority_queries.codegen.analysis.scope import Scope, View


class _Queries(Protocol):
    def subscope(self, scope: Scope, index: int) -> Scope: ...
    def cte_scope(self, scope: Scope, entry: Node) -> tuple[Scope, Node]: ...
    def inside(self, query: Node, view: View) -> Scope: ...


class Presence:
    """Finds queries that always return a row."""

    def __init__(self, queries: _Queries) -> None:
        self._queries = queries

    def always_a_row(self, scope: Scope) -> bool:
        """Return whether the query always returns a row."""
        match scope.command:
            case Command.SELECT:
                return self._always_selects(scope)
            case Command.INSERT:
                return self._always_inserts(scope)
        return False

    def _always_selects(self, scope: Scope) -> bool:
        query = scope.query
        if (
            not _keeps_the_first(query)
            or query.flag("hasTargetSRFs")
            or query.flag("hasForUpdate")
            or query.child("havingQual") is not None
        ):
            return False
        operations = query.child("setOperations")
        if operations is not None:
            return self._always_in_set(scope, operations)
        if is_grouped(query) and has_empty_group(query):
            return True
        return self._always_in_from(scope, query.child("jointree"))

    def _always_inserts(self, scope: Scope) -> bool:
        query = scope.query
        conflict = query.child("onConflict")
        updates = conflict is None or (
            conflict.number("action") == OnConflict.UPDATE
            and conflict.child("onConflictWhere") is None
        )
        return (
            updates
            and scope.environment.catalogue.always_inserts(scope.target_oid())
            and self._always_in_from(scope, query.child("jointree"))
        )

    def _always_in_set(self, scope: Scope, node: Node) -> bool:
        if node.kind == "RANGETBLREF":
            return self._always_in_from(scope, node)
        return node.number("op") == SetOperation.UNION and any(
            self._always_in_set(scope, node.the(side)) for side in ("larg", "rarg")
        )

    def _always_in_from(self, scope: Scope, node: Node | None) -> bool:
        match node:
            case Node(kind="FROMEXPR"):
                return node.child("quals") is None and all(
                    self._always_in_from(scope, item) for item in node.nodes("fromlist")
                )
            case Node(kind="JOINEXPR"):
                return self._always_in_join(scope, node)
            case Node(kind="RANGETBLREF"):
                return self._always_in_entry(scope, node.number("rtindex"))
        return False

    def _always_in_join(self, scope: Scope, node: Node) -> bool:
        left = self._always_in_from(scope, node.child("larg"))
        right = self._always_in_from(scope, node.child("rarg"))
        match node.number("jointype"):
            case Join.INNER:
                return left and right and node.child("quals") is None
            case Join.LEFT:
                return left
            case Join.RIGHT:
                return right
            case Join.FULL:
                return left or right
        return False

    def _always_in_entry(self, scope: Scope, index: int) -> bool:
        match scope.kind(index):
            case Kind.VALUES | Kind.NOTHING:
                return True
            case Kind.SUBQUERY:
                return self.always_a_row(self._queries.subscope(scope, index))
            case Kind.CTE:
                home, cte = self._queries.cte_scope(scope, scope.entry(index))
                if not cte.flag("cterecursive"):
                    query = self._queries.inside(cte.the("ctequery"), home.bare)
                    return self.always_a_row(query)
        return False


def _keeps_the_first(query: Node) -> bool:
    """Return whether LIMIT and OFFSET keep the first row."""
    limit = query.child("limitCount")
    if query.child("limitOffset") is not None:
        return False
    if limit is None:
        return True
    if limit.number("funcformat") == CallForm.IMPLICIT_CAST:  # LIMIT is a bigint
        (limit,) = limit.nodes("args")
    if limit.kind != "CONST":
        return False
    count = integer_of(limit)
    return limit.flag("constisnull") or (count is not None and count > 0)
