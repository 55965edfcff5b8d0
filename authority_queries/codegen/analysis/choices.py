"""Facts of CASE, COALESCE, GREATEST, LEAST and NULLIF."""

from dataclasses import replace

from authority_queries.codegen.analysis.narrowing import NOT_TRUE, TRUE, Narrowing
from authority_queries.codegen.analysis.query_tree import Node, Value
from authority_queries.codegen.analysis.scope import View
from authority_queries.codegen.analysis.tables import ByKind, Describe
from authority_queries.codegen.facts import Fact, either, maybe_null


class Choices:
    """Describes choices between values. The conditions of CASE narrow each result."""

    def __init__(self, narrowing: Narrowing, describe: Describe) -> None:
        self._narrowing = narrowing
        self._describe = describe
        self.by_kind: ByKind = {
            "CASEEXPR": self._case,
            "COALESCEEXPR": self._first_not_null,
            "MINMAXEXPR": self._first_not_null,
            "NULLIFEXPR": self._null_if,
        }

    def _case(self, expression: Node, view: View) -> Fact:
        """Describe CASE."""
        compared = expression.child("arg")
        facts: list[Fact] = []
        for when in expression.nodes("args"):
            condition = when.child("expr")
            if compared is not None and condition is not None:
                condition = _with_compared(condition, compared)
            so = view.assuming(self._narrowing.learn(condition, TRUE, view))
            facts.append(self._describe(when.child("result"), so))
            view = view.assuming(self._narrowing.learn(condition, NOT_TRUE, view))
        facts.append(self._describe(expression.child("defresult"), view))
        return either(facts)

    def _first_not_null(self, expression: Node, view: View) -> Fact:
        """Describe COALESCE, GREATEST and LEAST: null only when all arguments are."""
        facts = [self._describe(one, view) for one in expression.nodes("args")]
        nullable = all(fact.nullable for fact in facts)
        return replace(either(facts), nullable=nullable)

    def _null_if(self, expression: Node, view: View) -> Fact:
        """Describe NULLIF."""
        return maybe_null(self._describe(expression.nodes("args")[0], view))


def _with_compared(node: Node, compared: Node) -> Node:
    """Replace the placeholder in a condition by the value that CASE compares."""
    if node.kind == "CASETESTEXPR":
        return compared
    if node.kind == "CASEEXPR":
        return node
    fields = {
        name: _value_with_compared(value, compared)
        for name, value in node.fields.items()
    }
    return Node(node.kind, fields)


def _value_with_compared(value: Value, compared: Node) -> Value:
    if isinstance(value, Node):
        return _with_compared(value, compared)
    if isinstance(value, list):
        return [_value_with_compared(item, compared) for item in value]
    return value
