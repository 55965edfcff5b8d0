"""Views of the rows that FROM, WHERE and HAVING return, and of written rows."""

from dataclasses import replace

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.grouping import has_empty_group, is_grouped
from authority_queries.codegen.analysis.narrowing import TRUE, Narrowing
from authority_queries.codegen.analysis.node_kinds import (
    Command,
    Join,
)
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import Scope, View


class Rows:
    """Computes the views of the queries of one statement, each once."""

    def __init__(self, catalogue: Catalogue, narrowing: Narrowing) -> None:
        self._catalogue = catalogue
        self._narrowing = narrowing
        self._found: dict[Scope, View] = {}

    def found(self, scope: Scope) -> View:
        """Return the view of the rows that FROM and WHERE return."""
        if scope not in self._found:
            view = self._learn_from(scope.query.child("jointree"), scope.bare)
            self._found[scope] = view
        return self._found[scope]

    def given(self, scope: Scope) -> View:
        """Return the view that the columns of the result are computed in."""
        view = self.found(scope)
        match scope.command:
            case Command.INSERT:
                return replace(view, written=True)
            case Command.UPDATE:
                return replace(self._updated(view), written=True)
            case Command.MERGE:  # only some of its rows met the conditions
                return view.forgetting(scope.target)
        return self._grouped(view) if is_grouped(scope.query) else view

    def _grouped(self, view: View) -> View:
        query = view.scope.query
        if has_empty_group(query):
            view = view.scope.bare
        view = replace(view, grouped=True)
        having = query.child("havingQual")
        return view.assuming(self._narrowing.learn(having, TRUE, view))

    def _updated(self, view: View) -> View:
        """Return the view of updated rows, without facts of columns that were set."""
        scope = view.scope
        relation = scope.target_oid()
        if not self._catalogue.keeps_what_is_written(relation):
            return view.forgetting(scope.target)
        # Generated columns change too, and the tree does not list them.
        kept = self._catalogue.plain_columns(relation) - set(scope.assigned())
        return view.forgetting(scope.target, kept)

    def _learn_from(self, node: Node | None, view: View) -> View:
        match node:
            case Node(kind="FROMEXPR"):
                for item in node.nodes("fromlist"):
                    view = self._learn_from(item, view)
                found = self._narrowing.learn(node.child("quals"), TRUE, view)
                return view.assuming(found)
            case Node(kind="JOINEXPR"):
                for side in (node.child("larg"), node.child("rarg")):
                    view = self._learn_from(side, view)
                return self._learn_from_join(node, view)
        return view

    def _learn_from_join(self, node: Node, view: View) -> View:
        found = self._narrowing.learn(node.child("quals"), TRUE, view)
        match node.number("jointype"):
            case Join.INNER:
                if not view.scope.events[node.number("rtindex")]:
                    return view.assuming(found)
                part: Node | None = node
            case Join.LEFT:
                part = node.child("rarg")
            case Join.RIGHT:
                part = node.child("larg")
            case _:
                return view
        return view.learning_below(found, _tables_below(part))


def _tables_below(node: Node | None) -> set[int]:
    """Return the tables and joins in a part of a FROM clause."""
    match node:
        case Node(kind="RANGETBLREF"):
            return {node.number("rtindex")}
        case Node(kind="FROMEXPR"):
            return set().union(*map(_tables_below, node.nodes("fromlist")))
        case Node(kind="JOINEXPR"):
            sides = (node.child("larg"), node.child("rarg"))
            return {node.number("rtindex")}.union(*map(_tables_below, sides))
    return set()
