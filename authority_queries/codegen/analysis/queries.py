"""What is known of a query's columns and rows."""

from dataclasses import replace
from typing import Final

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.expressions import Expressions
from authority_queries.codegen.analysis.facts import NEVER_NULL, UNKNOWN, either
from authority_queries.codegen.analysis.grouping import (
    Grouping,
    has_empty_group,
    is_grouped,
    read_grouping,
)
from authority_queries.codegen.analysis.narrowing import TRUE, Narrowing
from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.presence import Presence
from authority_queries.codegen.analysis.scope import (
    Command,
    Environment,
    Join,
    Key,
    Kind,
    Scope,
    SetOperation,
    View,
)
from authority_queries.codegen.model import Fact

_UNNEST: Final = "unnest(anyarray)"
_NOT_MATCHED_BY_SOURCE: Final = 1


class Queries:
    """Describes queries. It remembers what it found, for one statement."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._catalogue: Catalogue = environment.catalogue
        self._narrowing = Narrowing(self._catalogue)
        self._presence = Presence(self)
        self.expressions = Expressions(self, self._catalogue)
        self._rows: dict[Scope, View] = {}
        self._groupings: dict[Scope, Grouping] = {}
        self._subqueries: dict[tuple[Scope, int], Scope] = {}
        self._columns: dict[Scope, list[Fact]] = {}
        self._ctes: dict[tuple[Scope, str], list[Fact]] = {}

    def columns(self, scope: Scope) -> list[Fact]:
        """Say what holds of each column that the query gives."""
        if scope not in self._columns:
            self._columns[scope] = self._describe_columns(scope)
        return self._columns[scope]

    def _describe_columns(self, scope: Scope) -> list[Fact]:
        operations = scope.query.child("setOperations")
        if operations is not None:
            return self._set_columns(scope, operations)
        view = self._output(scope)
        return [
            self.expressions.describe(entry.child("expr"), view)
            for entry in outputs(scope)
        ]

    def _set_columns(self, scope: Scope, node: Node) -> list[Fact]:
        """Describe the columns of UNION, INTERSECT and EXCEPT."""
        if node.kind == "RANGETBLREF":
            return self.columns(self.subscope(scope, node.number("rtindex")))
        left = self._set_columns(scope, node.the("larg"))
        right = self._set_columns(scope, node.the("rarg"))
        match node.number("op"):
            case SetOperation.INTERSECT:  # what comes out is in both
                return [
                    replace(one, nullable=one.nullable and other.nullable)
                    for one, other in zip(left, right, strict=True)
                ]
            case SetOperation.EXCEPT:
                return left
        return [either(pair) for pair in zip(left, right, strict=True)]

    def always_a_row(self, scope: Scope) -> bool:
        """Say whether the query cannot give an empty result."""
        return self._presence.always_a_row(scope)

    # What expressions ask for.

    def subquery(self, query: Node, view: View) -> tuple[list[Fact], bool]:
        """Describe a query inside an expression."""
        scope = self.inside(query, view)
        return self.columns(scope), self.always_a_row(scope)

    def inside(self, query: Node, view: View) -> Scope:
        """Give a query that stands at a place of another."""
        return Scope(query, self._environment, view)

    def groups_have_rows(self, scope: Scope) -> bool:
        """Say whether there is no group of no rows."""
        return not has_empty_group(scope.query)

    def nulled_by_grouping(self, scope: Scope, key: Key) -> bool:
        """Say whether some grouping set leaves this out, which makes it null."""
        if not scope.query.nodes("groupingSets"):
            return False
        if scope not in self._groupings:
            self._groupings[scope] = read_grouping(scope)
        return self._groupings[scope].nulls(key)

    def rows(self, scope: Scope) -> View:
        """Give what is known of the rows that FROM and WHERE leave."""
        if scope not in self._rows:
            view = self._learn_from(scope.query.child("jointree"), scope.bare)
            self._rows[scope] = view
        return self._rows[scope]

    def column(self, scope: Scope, index: int, number: int) -> Fact:
        """Say what holds of a column in the rows of its table."""
        entry = scope.entry(index)
        match scope.kind(index):
            case Kind.RELATION:
                return self._catalogue.column(
                    entry.number("relid"), number, with_children=entry.flag("inh")
                )
            case Kind.SUBQUERY:
                columns = self.columns(self.subscope(scope, index))
            case Kind.VALUES:
                columns = self._values(scope, entry)
            case Kind.CTE:
                columns = self._cte_of(scope, entry)
            case Kind.FUNCTION:
                columns = self._function_columns(scope, entry)
            case _:
                columns = []
        return columns[number - 1] if number <= len(columns) else UNKNOWN

    def written(self, scope: Scope, number: int) -> Node | None:
        """Give what the query puts into a column of its target, if that is known."""
        is_update = scope.command == Command.UPDATE
        is_insert = (
            scope.command == Command.INSERT and scope.query.child("onConflict") is None
        )
        target = scope.entry(scope.query.number("resultRelation")).number("relid")
        if (is_update or is_insert) and self._catalogue.keeps_what_is_written(target):
            return _assigned(scope).get(number)
        return None

    def subscope(self, scope: Scope, index: int) -> Scope:
        """Give a query in FROM."""
        key = (scope, index)
        if key not in self._subqueries:
            query = scope.entry(index).the("subquery")
            self._subqueries[key] = self.inside(query, self.rows(scope))
        return self._subqueries[key]

    def cte_scope(self, scope: Scope, entry: Node) -> tuple[Scope, Node]:
        """Give the query that a WITH is of, and the entry there."""
        home = scope.bare.at(entry.number("ctelevelsup")).scope
        (cte,) = (
            cte
            for cte in home.query.nodes("cteList")
            if cte.text("ctename") == entry.text("ctename")
        )
        return home, cte

    # What rows FROM, WHERE and HAVING leave.

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
        return view.learning_below(found, view.scope.below(part))

    def _output(self, scope: Scope) -> View:
        """Give what is known where the columns of the result are made."""
        view = self.rows(scope)
        target = scope.query.number("resultRelation")
        match scope.command:
            case Command.INSERT:
                return replace(view, written=True)
            case Command.UPDATE:
                return replace(self._updated(view, target), written=True)
            case Command.MERGE:
                return _merged(view, target)
        if not is_grouped(scope.query):
            return view
        if not self.groups_have_rows(scope):
            view = scope.bare
        view = replace(view, grouped=True)
        condition = scope.query.child("havingQual")
        return view.assuming(self._narrowing.learn(condition, TRUE, view))

    def _updated(self, view: View, target: int) -> View:
        """Give what is known of updated rows: of what was set, the old is forgotten."""
        scope = view.scope
        relation = scope.entry(target).number("relid")
        if not self._catalogue.keeps_what_is_written(relation):
            return view.forgetting(target)
        # What is generated changes too, and cannot be told from the tree.
        kept = self._catalogue.plain_columns(relation) - set(_assigned(scope))
        return view.forgetting(target, kept)

    # What is in FROM beside tables and queries.

    def _values(self, scope: Scope, entry: Node) -> list[Fact]:
        view = self.rows(scope)
        rows = [self.expressions.describe_all(row, view) for row in values_rows(entry)]
        return [either(column) for column in zip(*rows, strict=True)]

    def _function_columns(self, scope: Scope, entry: Node) -> list[Fact]:
        functions = entry.nodes("functions")
        count = sum(function.number("funccolcount") for function in functions)
        columns = [UNKNOWN] * count
        if len(functions) == 1 and (call := functions[0].child("funcexpr")):
            columns = self._calls_columns(call, count, self.rows(scope))
        # Of several functions side by side, the shorter ones are filled with nulls.
        return [*columns, NEVER_NULL] if entry.flag("funcordinality") else columns

    def _calls_columns(self, call: Node, count: int, view: View) -> list[Fact]:
        if call.kind != "FUNCEXPR" or not call.flag("funcretset"):
            fact = self.expressions.describe(call, view)
            return [fact] if count == 1 else [UNKNOWN] * count
        function = self._catalogue.functions[call.number("funcid")]
        if function.signature in self._catalogue.allowed.row_functions:
            return [NEVER_NULL] * count
        if function.signature == _UNNEST and count == 1:
            array = self.expressions.describe(call.nodes("args")[0], view)
            return [Fact(nullable=array.elements_nullable)]
        return [UNKNOWN] * count

    def _cte_of(self, scope: Scope, entry: Node) -> list[Fact]:
        home, cte = self.cte_scope(scope, entry)
        key = (home, cte.text("ctename"))
        if key not in self._ctes:
            query = cte.the("ctequery")
            self._ctes[key] = (
                self._recursive_columns(home, key, query)
                if cte.flag("cterecursive")
                else self.columns(self.inside(query, home.bare))
            )
        return self._ctes[key]

    def _recursive_columns(
        self, home: Scope, key: tuple[Scope, str], query: Node
    ) -> list[Fact]:
        """Describe what holds of the first rows and, if it does so far, of the next."""
        first = query.the("setOperations").the("larg")
        known = self._set_columns(self.inside(query, home.bare), first)
        while True:
            self._ctes[key] = known
            found = self.columns(self.inside(query, home.bare))
            both = [either(pair) for pair in zip(known, found, strict=True)]
            if both == known:
                return known
            self._forget_what_depends_on_ctes()
            known = both

    def _forget_what_depends_on_ctes(self) -> None:
        self._columns.clear()


def outputs(scope: Scope) -> list[Node]:
    """Give the entries that are the columns of a query's result."""
    is_query = scope.command == Command.SELECT
    entries = scope.query.nodes("targetList" if is_query else "returningList")
    return [entry for entry in entries if not entry.flag("resjunk")]


def _assigned(scope: Scope) -> dict[int, Node]:
    """Give what INSERT or UPDATE puts into columns, by number."""
    return {
        entry.number("resno"): entry.the("expr")
        for entry in scope.query.nodes("targetList")
        if not entry.flag("resjunk")
    }


def values_rows(entry: Node) -> list[list[Node]]:
    """Give the rows of VALUES."""
    return [
        [item for item in row if isinstance(item, Node)]
        for row in entry.items("values_lists")
        if isinstance(row, list)
    ]


def _merged(view: View, target: int) -> View:
    """Give what is known after a MERGE: its conditions were met by some rows only."""
    scope = view.scope
    actions = scope.query.nodes("mergeActionList")
    if any(action.number("matchKind") == _NOT_MATCHED_BY_SOURCE for action in actions):
        everything = range(1, len(scope.entries) + 1)
        return replace(scope.bare, absent=frozenset(everything) - {target})
    return view.forgetting(target)
