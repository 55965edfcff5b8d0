"""PostgreSQL's query trees, read from the text of `debug_print_rewritten`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from authority_queries.codegen.errors import GenerationError

Value: TypeAlias = "str | Node | list[Value] | None"
TEXT_TYPES: Final = frozenset({25, 1043})  # text, varchar
_INTEGERS: Final = frozenset({20, 21, 23})
_LINE_LENGTH: Final = 78
_WORD: Final = re.compile(r"[(){}]|(?:\\.|[^\s(){}\\])+", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
# Node names of PostgreSQL 15 that differ from those of 16 and later.
_RENAMED: Final = {
    "RTE": "RANGETBLENTRY",
    "CASE": "CASEEXPR",
    "WHEN": "CASEWHEN",
    "COALESCE": "COALESCEEXPR",
    "COLLATE": "COLLATEEXPR",
    "ARRAY": "ARRAYEXPR",
    "ROW": "ROWEXPR",
    "ROWCOMPARE": "ROWCOMPAREEXPR",
    "MINMAX": "MINMAXEXPR",
}
_FIELDS: Final = {
    "VAR": "vartype",
    "CONST": "consttype",
    "PARAM": "paramtype",
    "FUNCEXPR": "funcresulttype",
    "OPEXPR": "opresulttype",
    "NULLIFEXPR": "opresulttype",
    "CASEEXPR": "casetype",
    "COALESCEEXPR": "coalescetype",
    "MINMAXEXPR": "minmaxtype",
    "ARRAYEXPR": "array_typeid",
    "AGGREF": "aggtype",
    "WINDOWFUNC": "wintype",
    "SQLVALUEFUNCTION": "type",
    "RELABELTYPE": "resulttype",
    "COERCEVIAIO": "resulttype",
    "COERCETODOMAIN": "resulttype",
    "ARRAYCOERCEEXPR": "resulttype",
    "FIELDSELECT": "resulttype",
    "CONVERTROWTYPEEXPR": "resulttype",
    "ROWEXPR": "row_typeid",
    "NEXTVALUEEXPR": "typeId",
}
_BOOLEAN: Final = 16
_TESTS: Final = frozenset(
    {
        "BOOLEXPR",
        "BOOLEANTEST",
        "DISTINCTEXPR",
        "JSONISPREDICATE",
        "NULLTEST",
        "ROWCOMPAREEXPR",
        "SCALARARRAYOPEXPR",
    }
)


@dataclass(slots=True, eq=False)
class Node:
    """One `{KIND :field value …}`. An absent field reads like an empty one."""

    kind: str
    fields: dict[str, Value]

    def child(self, name: str) -> "Node | None":
        """Return the node in a field."""
        value = self.fields.get(name)
        return value if isinstance(value, Node) else None

    def the(self, name: str) -> "Node":
        """Return the node in a field that cannot be empty."""
        value = self.child(name)
        if value is None:
            message = f"PostgreSQL's query tree has a {self.kind} without {name}"
            raise GenerationError(message)
        return value

    def items(self, name: str) -> list[Value]:
        """Return the list in a field."""
        value = self.fields.get(name)
        return value if isinstance(value, list) else []

    def nodes(self, name: str) -> "list[Node]":
        """Return the nodes of the list in a field."""
        return [item for item in self.items(name) if isinstance(item, Node)]

    def numbers(self, name: str) -> list[int]:
        """Return a list of integers or oids: `(i 1 2)`."""
        return [int(item) for item in self.items(name)[1:] if isinstance(item, str)]

    def text(self, name: str) -> str:
        """Return the word in a field."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """Return the integer in a field."""
        return int(self.text(name) or 0)

    def octets(self, name: str) -> bytes:
        """Return the octets of a constant."""
        items = self.items(name)
        return bytes(int(item) % 256 for item in items if isinstance(item, str))

    def flag(self, name: str) -> bool:
        """Return the truth value in a field."""
        return self.text(name) == "true"

    def children(self) -> "Iterator[Node]":
        """Return all nodes directly below, including those in nested lists."""
        for value in self.fields.values():
            yield from _nodes_in(value)


def text_of(constant: Node) -> str | None:
    """Return the text of a constant of a type of TEXT_TYPES that is not null."""
    if constant.number("consttype") not in TEXT_TYPES or constant.flag("constisnull"):
        return None
    return constant.octets("constvalue")[4:].decode(errors="replace")


def integer_of(constant: Node) -> int | None:
    """Return the value of an integer constant that is not null."""
    if constant.number("consttype") not in _INTEGERS or constant.flag("constisnull"):
        return None
    return int.from_bytes(constant.octets("constvalue"), "little", signed=True)


def _nodes_in(value: Value) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _nodes_in(item)


def read_trees(dump: str) -> list[Node]:
    """Read the query trees of a rewritten statement, or another node tree."""
    words = _WORD.findall(_unfold(dump))
    value, _ = _read(words, 0)
    return list(_nodes_in(value))


def _unfold(dump: str) -> str:
    """Join the lines: PostgreSQL breaks them at a blank if there is one."""
    lines = dump.split("\n")
    return "".join(
        line if len(line) == _LINE_LENGTH and " " not in line[1:] else f"{line} "
        for line in lines
    )


def _read(words: list[str], at: int) -> tuple[Value, int]:
    word = words[at]
    if word == "{":
        return _read_node(words, at + 1)
    if word == "(":
        return _read_list(words, at + 1)
    if words[at + 1 : at + 2] == ["["]:
        return _read_datum(words, at + 2)
    return _unescaped(word), at + 1


def _read_node(words: list[str], at: int) -> tuple[Node, int]:
    node = Node(_RENAMED.get(words[at], words[at]), {})
    at += 1
    while words[at] != "}":
        name = words[at].removeprefix(":")
        node.fields[name], at = _read(words, at + 1)
    return node, at + 1


def _read_list(words: list[str], at: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    while words[at] != ")":
        item, at = _read(words, at)
        items.append(item)
    return items, at + 1


def _read_datum(words: list[str], at: int) -> tuple[list[Value], int]:
    """Read the octets of a constant: `4 [ 1 0 0 0 ]`."""
    octets: list[Value] = []
    while words[at] != "]":
        octets.append(words[at])
        at += 1
    return octets, at + 1


def _unescaped(word: str) -> str | None:
    if word == "<>":
        return None
    if len(word) > 1 and word.startswith('"') and word.endswith('"'):
        word = word[1:-1]
    return _ESCAPE.sub(r"\1", word)


def type_of(expression: Node) -> int | None:
    """Return the oid of an expression's type, or None if the tree lacks it."""
    if expression.kind in _TESTS:
        return _BOOLEAN
    return expression.number(_FIELDS.get(expression.kind, "")) or None
