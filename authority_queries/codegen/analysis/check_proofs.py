"""Proofs about a column, read from the tree of its check constraint.

PostgreSQL stores a check with the oids of its functions, operators and types: a user's
`jsonb_typeof` or `=` cannot be taken for PostgreSQL's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from authority_queries.codegen.analysis.node_kinds import NullTest
from authority_queries.codegen.analysis.query_tree import (
    Node,
    integer_of,
    read_trees,
    text_of,
)

VALUE: Final = 0  # of a domain, where a table's check has a column's number
_ARE_EQUAL: Final = "texteq(text,text)"
# Functions that measure a value, with the comparisons that bound its size. A text
# of at most n octets has at most n characters; one of at least n octets can have fewer.
_ALL: Final = frozenset({"=", "<=", ">="})
_SIZES: Final = {
    "char_length(text)": _ALL,
    "character_length(text)": _ALL,
    "length(text)": _ALL,
    "octet_length(text)": frozenset({"<="}),
    "length(bytea)": _ALL,
    "octet_length(bytea)": _ALL,
}
_COMPARISONS: Final = {
    "int4eq(integer,integer)": "=",
    "int4le(integer,integer)": "<=",
    "int4ge(integer,integer)": ">=",
}
_WIDENINGS: Final = frozenset(
    {"int8(integer)", "int8(smallint)", "int4(smallint)", "int2(integer)"}
)


class Resolver(Protocol):
    """Looks up the functions and collations that a tree names by oid."""

    def signature_of(self, operation: Node) -> str:
        """Return the signature of a call's or an operator's function."""

    def compares_octets(self, operation: Node) -> bool:
        """Return whether only texts with equal octets compare as equal."""


@dataclass(slots=True)
class Proof:
    """What holds of a column's values when they are not null."""

    not_null: bool = False
    elements_not_null: bool = False
    values: frozenset[str] | None = None
    json_kind: str | None = None
    size: tuple[int, int | None] | None = None
    rule: tuple[str | int, ...] | None = None

    def allow(self, values: frozenset[str]) -> None:
        """Restrict the value to these texts."""
        self.values = values if self.values is None else self.values & values

    def limit(self, comparison: str, number: int) -> None:
        """Bound the size by a number."""
        least, most = self.size or (0, None)
        match comparison:
            case "=":
                self.size = number, number
            case "<=":
                self.size = least, number if most is None else min(number, most)
            case ">=":
                self.size = max(number, least), most


@dataclass(slots=True)
class Proofs:
    """Proofs by the number of a column, or for a domain's VALUE."""

    resolver: Resolver
    by_column: dict[int, Proof] = field(default_factory=dict)

    def of(self, column: int) -> Proof:
        """Return the proof for a column, to read or to add to."""
        return self.by_column.setdefault(column, Proof())

    def add(self, tree: str) -> None:
        """Learn from a check, given as pg_constraint.conbin."""
        for node in read_trees(tree):
            self._learn(node)

    def _learn(self, node: Node) -> None:
        # A check passes when it is not false. Each shape below is true or false, not
        # null, for a column that is not null.
        match node.kind, node.text("boolop"):
            case "BOOLEXPR", "and":
                for argument in node.nodes("args"):
                    self._learn(argument)
            case "BOOLEXPR", "or":
                self._learn_from_choices(node.nodes("args"))
            case "NULLTEST", _:
                self._learn_from_null_test(node)
            case "FUNCEXPR", _:
                self._learn_rule(node)
            case _:
                self._learn_values(node)
                self._learn_size(node)

    def _learn_from_null_test(self, node: Node) -> None:
        """Learn from `x is not null` and from `array_position(x, null) is null`."""
        argument = node.the("arg")
        if node.number("nulltesttype") == NullTest.IS_NOT_NULL:
            if (column := _column(argument)) is not None:
                self.of(column).not_null = True
        elif self._signature(argument) == (
            "array_position(anycompatiblearray,anycompatible)"
        ):
            array, element = argument.nodes("args")
            column = _column(array)
            if column is not None and element.flag("constisnull"):
                self.of(column).elements_not_null = True

    def _learn_rule(self, call: Node) -> None:
        """Learn from `authority.is_text_list(x, 3, 255)`."""
        value, *others = call.nodes("args") or [call]
        column = _column(value)
        given = [self._number(other) for other in others]
        known = [number for number in given if number is not None]
        if column is not None and len(known) == len(given):
            self.of(column).rule = (self._signature(call), *known)

    def _learn_size(self, node: Node) -> None:
        """Learn from `char_length(x) <= 256`, `octet_length(x) = 32`, `x <> ''`."""
        signature = self._signature(node)
        if signature == "textne(text,text)":
            left, right = node.nodes("args")
            column = _column(left)
            if column is not None and text_of(_relabelled(right)) == "":
                self.of(column).limit(">=", 1)
        elif comparison := _COMPARISONS.get(signature):
            call, right = node.nodes("args")
            column = _column(*call.nodes("args")[:1])
            number = self._number(right)
            sizes = _SIZES.get(self._signature(call), frozenset())
            if column is not None and number is not None and comparison in sizes:
                self.of(column).limit(comparison, number)

    def _learn_from_choices(self, choices: Sequence[Node]) -> None:
        """Learn from `x is null or x in (…)`, or from `x = 'a' or x = 'b'`."""
        tested = [_tested_for_null(choice) for choice in choices]
        nulls = {*tested} - {None}
        sets = [
            self._allowed(choice)
            for choice, column in zip(choices, tested, strict=True)
            if column is None
        ]
        columns = {column for column, _ in sets}
        if len(columns) == 1 and nulls <= columns:
            (column,) = columns
            if column is not None:
                self.of(column).allow(frozenset().union(*(each for _, each in sets)))

    def _learn_values(self, node: Node) -> None:
        column, values = self._allowed(node)
        if column is not None:
            self.of(column).allow(values)
        elif self._signature(node) == _ARE_EQUAL:
            call, constant = node.nodes("args")
            kind = text_of(_relabelled(constant))
            if kind is not None and self._signature(call) == "jsonb_typeof(jsonb)":
                column = _column(*call.nodes("args"))
                if column is not None:
                    self.of(column).json_kind = kind

    def _allowed(self, node: Node) -> tuple[int | None, frozenset[str]]:
        """Read `x = 'a'`, `x in ('a', 'b')` and `x = any (array['a', 'b'])`."""
        nothing = None, frozenset[str]()
        is_equality = self._signature(node) == _ARE_EQUAL
        if not is_equality or not self.resolver.compares_octets(node):
            return nothing
        left, right = node.nodes("args")
        match node.kind:
            case "OPEXPR":
                constants = [right]
            case "SCALARARRAYOPEXPR" if node.flag("useOr"):
                constants = _relabelled(right).nodes("elements")
            case _:
                return nothing
        values = [text_of(_relabelled(constant)) for constant in constants]
        known = frozenset(value for value in values if value is not None)
        return (_column(left), known) if known and None not in values else nothing

    def _signature(self, node: Node) -> str:
        calls = {"FUNCEXPR", "OPEXPR", "SCALARARRAYOPEXPR"}
        return self.resolver.signature_of(node) if node.kind in calls else ""

    def _number(self, node: Node) -> int | None:
        if node.kind == "FUNCEXPR" and self._signature(node) in _WIDENINGS:
            (node,) = node.nodes("args")
        return integer_of(node)


def _relabelled(node: Node) -> Node:
    """Return the value below casts that leave its octets as they are."""
    while node.kind == "RELABELTYPE" or (
        node.kind == "ARRAYCOERCEEXPR" and node.the("elemexpr").kind == "RELABELTYPE"
    ):
        node = node.the("arg")
    return node


def _column(node: Node | None = None) -> int | None:
    """Return the number of the column that a node is, or VALUE."""
    node = _relabelled(node) if node else None
    match node:
        case Node(kind="COERCETODOMAINVALUE"):
            return VALUE
        case Node(kind="VAR"):
            number = node.number("varattno")
            return number if number > 0 else None  # 0 is the row
    return None


def _tested_for_null(node: Node) -> int | None:
    """Return the column of `x is null`."""
    if node.kind == "NULLTEST" and node.number("nulltesttype") == NullTest.IS_NULL:
        return _column(node.the("arg"))
    return None
