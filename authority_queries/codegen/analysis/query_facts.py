"""Facts of a query's columns and rows."""

from dataclasses import replace

from authority_queries.codegen.analysis.expressions import Expressions
from authority_queries.codegen.analysis.grouping import Grouping, read_grouping
from authority_queries.codegen.analysis.keys import Key
from authority_queries.codegen.analysis.narrowing import Narrowing
from authority_queries.codegen.analysis.node_kinds import Command, Kind, SetOperation
from authority_queries.codegen.analysis.presence import Presence
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.rows import Rows
from authority_queries.codegen.analysis.scope import Environment, Scope, View
from authority_queries.codegen.analysis.sources import Sources
from authority_queries.codegen.facts import UNKNOWN, Fact, either


class QueryFacts:
    """Describes the queries of one statement, each once."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._catalogue = environment.catalogue
        narrowing = Narrowing(self._catalogue)
        self._rows = Rows(self._catalogue, narrowing)
        self._presence = Presence(self)
        self.expressions = Expressions(self, self._catalogue, narrowing)
        self._sources = Sources(self._catalogue, self.expressions.describe)
        self._groupings: dict[Scope, Grouping] = {}
        self._subqueries: dict[tuple[Scope, int], Scope] = {}
        self._columns: dict[Scope, list[Fact]] = {}
        self._ctes: dict[tuple[Scope, str], list[Fact]] = {}

    def columns(self, scope: Scope) -> list[Fact]:
        """Return the facts of each column of the query's result."""
        if scope not in self._columns:
            self._columns[scope] = self._describe_columns(scope)
        return self._columns[scope]

    def always_a_row(self, scope: Scope) -> bool:
        """Return whether the query always returns a row."""
        return self._presence.always_a_row(scope)

    # Queries inside a query.

    def inside(self, query: Node, view: View) -> Scope:
        """Return the scope of a query inside an expression of another one."""
        return Scope(query, self._environment, view)

    def subscope(self, scope: Scope, index: int) -> Scope:
        """Return the scope of a query in FROM."""
        key = (scope, index)
        if key not in self._subqueries:
            query = scope.entry(index).the("subquery")
            self._subqueries[key] = self.inside(query, self.rows(scope))
        return self._subqueries[key]

    def cte_scope(self, scope: Scope, entry: Node) -> tuple[Scope, Node]:
        """Return the scope of the query that has the WITH, and its entry."""
        home = scope.bare.at(entry.number("ctelevelsup")).scope
        (cte,) = (
            cte
            for cte in home.query.nodes("cteList")
            if cte.text("ctename") == entry.text("ctename")
        )
        return home, cte

    # Answers for expressions.

    def subquery(self, query: Node, view: View) -> tuple[list[Fact], bool]:
        """Describe a query inside an expression."""
        scope = self.inside(query, view)
        return self.columns(scope), self.always_a_row(scope)

    def nulled_by_grouping(self, scope: Scope, key: Key) -> bool:
        """Return whether a grouping set omits this expression, which makes it null."""
        if not scope.query.nodes("groupingSets"):
            return False
        if scope not in self._groupings:
            self._groupings[scope] = read_grouping(scope)
        return self._groupings[scope].nulls(key)

    def rows(self, scope: Scope) -> View:
        """Return the view of the rows that FROM and WHERE return."""
        return self._rows.found(scope)

    def written(self, scope: Scope, number: int) -> Node | None:
        """Return the expression that the query stores in a column, if it is known."""
        is_update = scope.command == Command.UPDATE
        is_insert = (
            scope.command == Command.INSERT and scope.query.child("onConflict") is None
        )
        keeps = self._catalogue.keeps_what_is_written
        if (is_update or is_insert) and keeps(scope.target_oid()):
            return scope.assigned().get(number)
        return None

    def column(self, scope: Scope, index: int, number: int) -> Fact:
        """Return the facts of a column in the rows of its table."""
        entry = scope.entry(index)
        match scope.kind(index):
            case Kind.RELATION:
                return self._catalogue.column(
                    entry.number("relid"), number, with_children=entry.flag("inh")
                )
            case Kind.SUBQUERY:
                columns = self.columns(self.subscope(scope, index))
            case Kind.VALUES:
                columns = self._sources.values(entry, self.rows(scope))
            case Kind.CTE:
                columns = self._cte_of(scope, entry)
            case Kind.FUNCTION:
                columns = self._sources.functions(entry, self.rows(scope))
            case _:
                columns = []
        return columns[number - 1] if number <= len(columns) else UNKNOWN

    # Columns of results.

    def _describe_columns(self, scope: Scope) -> list[Fact]:
        operations = scope.query.child("setOperations")
        if operations is not None:
            return self._set_columns(scope, operations)
        view = self._rows.given(scope)
        return [
            self.expressions.describe(entry.child("expr"), view)
            for entry in scope.outputs()
        ]

    def _set_columns(self, scope: Scope, node: Node) -> list[Fact]:
        """Describe the columns of UNION, INTERSECT and EXCEPT."""
        if node.kind == "RANGETBLREF":
            return self.columns(self.subscope(scope, node.number("rtindex")))
        left = self._set_columns(scope, node.the("larg"))
        right = self._set_columns(scope, node.the("rarg"))
        match node.number("op"):
            case SetOperation.INTERSECT:  # a row of the result is in both
                return [
                    replace(one, nullable=one.nullable and other.nullable)
                    for one, other in zip(left, right, strict=True)
                ]
            case SetOperation.EXCEPT:
                return left
        return [either(pair) for pair in zip(left, right, strict=True)]

    def _cte_of(self, scope: Scope, entry: Node) -> list[Fact]:
        home, cte = self.cte_scope(scope, entry)
        key = (home, cte.text("ctename"))
        if key not in self._ctes:
            query = cte.the("ctequery")
            self._ctes[key] = (
                self._recursive_columns(key, query)
                if cte.flag("cterecursive")
                else self.columns(self.inside(query, home.bare))
            )
        return self._ctes[key]

    def _recursive_columns(self, key: tuple[Scope, str], query: Node) -> list[Fact]:
        """Describe the first rows, and weaken the facts until the next rows agree."""
        home, _ = key
        first = query.the("setOperations").the("larg")
        known = self._set_columns(self.inside(query, home.bare), first)
        while True:
            self._ctes[key] = known
            found = self.columns(self.inside(query, home.bare))
            both = [either(pair) for pair in zip(known, found, strict=True)]
            if both == known:
                return known
            self._columns.clear()  # facts in it depend on those that were weakened
            known = both
