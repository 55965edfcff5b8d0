"""Which parameters may be null, and which texts they may be."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from authority_queries.codegen.analysis.nodes import Node
from authority_queries.codegen.analysis.queries import Queries, outputs, values_rows
from authority_queries.codegen.analysis.scope import Command, Kind, Scope, View
from authority_queries.codegen.model import Fact, Origin

_CASTS: Final = frozenset({"1", "2"})  # written, or put in by PostgreSQL
_WRAPPINGS: Final = frozenset(
    {
        "RELABELTYPE",
        "COERCEVIAIO",
        "COERCETODOMAIN",
        "COLLATEEXPR",
        "ARRAYCOERCEEXPR",
    }
)
# Where a null is as good as a value.
_WELCOME: Final = {
    "NULLTEST": "arg",
    "COALESCEEXPR": "args",
    "MINMAXEXPR": "args",
    "DISTINCTEXPR": "args",
    "NULLIFEXPR": "args",
}


@dataclass(slots=True)
class _Use:
    """What the uses of one parameter say of it."""

    welcome: bool = False
    json_kind: str | None = None
    values: frozenset[str] | None = None
    origin: Origin | None = None

    def take(self, column: Fact) -> None:
        """Note a column that the parameter goes to, or is compared with."""
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

    A parameter may be null when some use welcomes it: IS NULL, COALESCE, IS DISTINCT
    FROM, a function that is not strict, a column that takes nulls, or the result
    itself.
    """

    queries: Queries
    scope: Scope
    _uses: dict[int, _Use] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._visit_query(self.scope)
        for entry in outputs(self.scope):
            self._welcome(entry.child("expr"), self.scope.bare)

    def of(self, number: int) -> Fact:
        """Give what holds of a parameter."""
        use = self._uses.get(number, _Use())
        return Fact(
            nullable=use.welcome,
            values=use.values,
            origin=use.origin,
            elements_nullable=False,
            json_kind=use.json_kind,
        )

    def _visit_query(self, scope: Scope) -> None:
        query = scope.query
        target = query.number("resultRelation")
        if scope.command != Command.SELECT:
            lists = [query, *query.nodes("mergeActionList")]
            for owner in lists:
                self._assign(owner.nodes("targetList"), scope, target)
            if conflict := query.child("onConflict"):
                self._assign(conflict.nodes("onConflictSet"), scope, target)
        view = scope.bare
        for name, value in query.fields.items():
            if name == "rtable":
                self._visit_entries(scope)
            elif name == "cteList":
                for cte in query.nodes("cteList"):
                    inner = self.queries.inside(cte.the("ctequery"), scope.bare)
                    self._visit_query(inner)
            else:
                self._visit_value(value, view)

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
        for number in self._reached(expression, view):
            self._use(number).welcome = True

    def _use(self, number: int) -> _Use:
        return self._uses.setdefault(number, _Use())

    def _assign(self, entries: list[Node], scope: Scope, target: int) -> None:
        """Note what the parameters that are stored in columns are stored in."""
        catalogue = scope.environment.catalogue
        relation = scope.entry(target).number("relid")
        for entry in entries:
            resno = entry.number("resno")
            column = catalogue.column(relation, resno, with_children=False)
            takes_null = catalogue.takes_null(relation, resno)
            for number in self._reached(entry.child("expr"), scope.bare):
                use = self._use(number)
                use.welcome = use.welcome or takes_null
                use.json_kind = use.json_kind or column.json_kind
                use.take(column)

    def _compare(self, node: Node, view: View) -> None:
        """Note what texts a parameter is compared with for equality."""
        name, _ = view.scope.environment.catalogue.operators[node.number("opno")]
        sides = node.nodes("args")
        if name != "=" or len(sides) != 2:  # noqa: PLR2004 -- an operator's two sides
            return
        for one, other in (sides, sides[::-1]):
            column = self.queries.expressions.describe(other, view)
            if column.origin is None:
                continue
            for number in self._reached(one, view):
                self._use(number).take(column)

    def _reached(self, expression: Node | None, view: View) -> Iterator[int]:
        """Follow a value back to the parameters that it can be."""
        if expression is None:
            return
        match expression.kind:
            case "PARAM" if expression.number("paramkind") == 0:
                yield expression.number("paramid")
            case "FUNCEXPR" if expression.text("funcformat") in _CASTS:
                yield from self._reached(expression.nodes("args")[0], view)
            case "CASEEXPR":
                for when in expression.nodes("args"):
                    yield from self._reached(when.child("result"), view)
                yield from self._reached(expression.child("defresult"), view)
            case "VAR":
                yield from self._reached_through(expression, view)
            case kind if kind in _WRAPPINGS:
                yield from self._reached(expression.child("arg"), view)

    def _reached_through(self, column: Node, view: View) -> Iterator[int]:
        place = view.locate(column)
        index, number = place.table, place.column
        scope = view.at(place.level).scope
        if number < 1 or id(column) in self._seen:
            return
        self._seen.add(id(column))  # a recursive query comes by again
        entry = scope.entry(index)
        match scope.kind(index):
            case Kind.SUBQUERY:
                yield from self._of_query(self.queries.subscope(scope, index), number)
            case Kind.CTE:
                home, cte = self.queries.cte_scope(scope, entry)
                inner = self.queries.inside(cte.the("ctequery"), home.bare)
                yield from self._of_query(inner, number)
            case Kind.VALUES:
                for row in values_rows(entry):
                    yield from self._reached(row[number - 1], scope.bare)
        self._seen.discard(id(column))

    def _of_query(self, scope: Scope, number: int) -> Iterator[int]:
        operations = scope.query.child("setOperations")
        if operations is not None:
            for index in sorted(scope.below_set(operations)):
                subquery = self.queries.subscope(scope, index)
                yield from self._of_query(subquery, number)
            return
        entries = outputs(scope)
        if number <= len(entries):
            yield from self._reached(entries[number - 1].child("expr"), scope.bare)


def _nodes(value: object) -> list[Node]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, Node)]
