"""Facts of parameters, from the places where a statement uses them."""

import re
from dataclasses import dataclass, field
from typing import Final

from authority_queries.codegen.analysis.node_kinds import Command, Kind
from authority_queries.codegen.analysis.query_facts import QueryFacts
from authority_queries.codegen.analysis.query_tree import Node
from authority_queries.codegen.analysis.scope import Scope, View
from authority_queries.codegen.analysis.tracing import Tracing
from authority_queries.codegen.facts import Columns, Fact, Origin

# Expressions that treat a null like any other value, in the named field.
_WELCOME: Final = {
    "NULLTEST": "arg",
    "COALESCEEXPR": "args",
    "MINMAXEXPR": "args",
    "DISTINCTEXPR": "args",
    "NULLIFEXPR": "args",
}
# A function of PostgreSQL's own behind an operator =, such as uuid_eq(uuid,uuid).
_EQUALITY: Final = re.compile(r"\w+eq\(")


@dataclass(slots=True)
class _Use:
    """The facts that the uses of one parameter prove."""

    welcome: bool = False
    json_kind: str | None = None
    values: frozenset[str] | None = None
    origin: Origin | None = None
    size: tuple[int, int | None] | None = None
    rule: tuple[str | int, ...] | None = None
    stored_in: list[Origin] = field(default_factory=list)
    compared_with: list[Origin] = field(default_factory=list)

    def store_in(self, column: Fact) -> None:
        """Add a column that the parameter is stored in."""
        self.json_kind = self.json_kind or column.json_kind
        self.size = self.size or column.size
        self.rule = self.rule or column.rule
        if column.origin:
            self.stored_in.append(column.origin)
        self.take(column)

    def take(self, column: Fact) -> None:
        """Add a column that the parameter is stored in or compared with."""
        if column.values is None:
            return
        if self.values is None:
            self.values, self.origin = column.values, column.origin
        elif self.values & column.values:
            if column.values < self.values:
                self.origin = column.origin
            self.values &= column.values


@dataclass(slots=True)
class Uses:
    """The uses of a statement's parameters.

    A parameter may be null when one use welcomes a null: IS NULL, COALESCE, IS
    DISTINCT FROM, a function that is not strict, a nullable column, or the result.
    """

    queries: QueryFacts
    scope: Scope
    _uses: dict[int, _Use] = field(default_factory=dict)
    _casts: Tracing = field(init=False)
    _values: Tracing = field(init=False)

    def __post_init__(self) -> None:
        catalogue = self.scope.environment.catalogue
        self._casts = Tracing(self.queries, catalogue, only_unchanged=False)
        self._values = Tracing(self.queries, catalogue, only_unchanged=True)
        self._visit_query(self.scope)
        for entry in self.scope.outputs():
            self._welcome(entry.child("expr"), self.scope.bare)

    def of(self, number: int) -> Fact:
        """Return the facts of a parameter."""
        use = self._uses.get(number, _Use())
        return Fact(
            nullable=use.welcome,
            values=use.values,
            origin=use.origin,
            elements_nullable=False,
            json_kind=use.json_kind,
            size=use.size,
            rule=use.rule,
        )

    def columns(self, number: int) -> Columns:
        """Return the columns that a parameter goes to, and is compared with."""
        use = self._uses.get(number, _Use())
        return Columns(tuple(use.stored_in), tuple(use.compared_with))

    def _visit_query(self, scope: Scope) -> None:
        query = scope.query
        if scope.command != Command.SELECT:
            for owner in (query, *query.nodes("mergeActionList")):
                self._assign(owner.nodes("targetList"), scope)
            if conflict := query.child("onConflict"):
                self._assign(conflict.nodes("onConflictSet"), scope)
        for name, value in query.fields.items():
            if name == "rtable":
                self._visit_entries(scope)
            elif name == "cteList":
                for cte in query.nodes("cteList"):
                    inner = self.queries.inside(cte.the("ctequery"), scope.bare)
                    self._visit_query(inner)
            else:
                self._visit_value(value, scope.bare)

    def _visit_entries(self, scope: Scope) -> None:
        for index, entry in enumerate(scope.entries, 1):
            match scope.kind(index):
                case Kind.SUBQUERY:
                    self._visit_query(self.queries.subscope(scope, index))
                case Kind.VALUES:
                    self._visit_value(entry.fields["values_lists"], scope.bare)
                case Kind.FUNCTION:
                    self._visit_value(entry.fields["functions"], scope.bare)
                case Kind.TABLE_FUNCTION:
                    self._visit_value(entry.fields["tablefunc"], scope.bare)
                case Kind.GROUP:
                    self._visit_value(entry.fields["groupexprs"], scope.bare)

    def _visit_value(self, value: object, view: View) -> None:
        if isinstance(value, list):
            for item in value:
                self._visit_value(item, view)
        elif isinstance(value, Node):
            self._visit(value, view)

    def _visit(self, node: Node, view: View) -> None:
        if node.kind == "QUERY":
            self._visit_query(self.queries.inside(node, view))
            return
        if node.kind in _WELCOME:
            for value in _nodes(node.fields.get(_WELCOME[node.kind])):
                self._welcome(value, view)
        if node.kind == "FUNCEXPR" and not self._is_strict(node):
            for argument in node.nodes("args"):
                self._welcome(argument, view)
        if node.kind in {"OPEXPR", "DISTINCTEXPR"}:
            self._compare(node, view)
        for child in node.children():
            self._visit(child, view)

    def _is_strict(self, call: Node) -> bool:
        functions = self.scope.environment.catalogue.functions
        return functions[call.number("funcid")].is_strict

    def _welcome(self, expression: Node | None, view: View) -> None:
        for number in self._casts.parameters_in(expression, view):
            self._use(number).welcome = True

    def _use(self, number: int) -> _Use:
        return self._uses.setdefault(number, _Use())

    def _assign(self, entries: list[Node], scope: Scope) -> None:
        """Add the columns that parameters are stored in."""
        catalogue = scope.environment.catalogue
        relation = scope.target_oid()
        for entry in entries:
            resno = entry.number("resno")
            column = catalogue.column(relation, resno, with_children=False)
            stored = entry.child("expr")
            if catalogue.takes_null(relation, resno):
                self._welcome(stored, scope.bare)
            for number in self._values.parameters_in(stored, scope.bare):
                self._use(number).store_in(column)

    def _compare(self, node: Node, view: View) -> None:
        """Add the columns, and so the texts, that parameters are compared with."""
        catalogue = view.scope.environment.catalogue
        signature = catalogue.signature_of(node)
        if not _EQUALITY.match(signature):
            return
        is_texts = signature == "texteq(text,text)"
        takes_texts = is_texts and catalogue.compares_octets(node)
        sides = node.nodes("args")
        for one, other in (sides, sides[::-1]):
            column = self.queries.expressions.describe(other, view)
            if column.origin is None:
                continue
            for number in self._values.parameters_in(one, view):
                use = self._use(number)
                use.compared_with.append(column.origin)
                if takes_texts:
                    use.take(column)


def _nodes(value: object) -> list[Node]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, Node)]
