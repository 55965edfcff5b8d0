"""Facts of VALUES and of functions in FROM."""

from typing import Final

from authority_queries.codegen.analysis.catalogue import Catalogue
from authority_queries.codegen.analysis.query_tree import Node, type_of
from authority_queries.codegen.analysis.scope import View
from authority_queries.codegen.analysis.tables import Describe
from authority_queries.codegen.facts import NEVER_NULL, UNKNOWN, Fact, either

_UNNEST: Final = "unnest(anyarray)"


class Sources:
    """Describes the columns of VALUES and of functions in FROM."""

    def __init__(self, catalogue: Catalogue, describe: Describe) -> None:
        self._catalogue = catalogue
        self._describe = describe

    def values(self, entry: Node, view: View) -> list[Fact]:
        """Describe the columns of VALUES."""
        rows = [
            [self._describe(item, view) for item in row] for row in values_rows(entry)
        ]
        return [either(column) for column in zip(*rows, strict=True)]

    def functions(self, entry: Node, view: View) -> list[Fact]:
        """Describe the columns of a function, or of several in ROWS FROM."""
        functions = entry.nodes("functions")
        count = sum(function.number("funccolcount") for function in functions)
        columns = [UNKNOWN] * count
        if len(functions) == 1 and (call := functions[0].child("funcexpr")):
            columns = self._call(call, count, view)
        # ROWS FROM fills the columns of the shorter functions with nulls.
        return [*columns, NEVER_NULL] if entry.flag("funcordinality") else columns

    def _call(self, call: Node, count: int, view: View) -> list[Fact]:
        known = self._catalogue.functions.get(call.number("funcid"))
        if known and known.signature in self._catalogue.allowed.row_functions:
            return [NEVER_NULL] * count
        return [self._one(call, view)] if count == 1 else [UNKNOWN] * count

    def _one(self, call: Node, view: View) -> Fact:
        """Describe the only column: the value itself, unless it is a row."""
        result = type_of(call)
        if result is None or result in self._catalogue.row_types:
            return UNKNOWN
        if not call.flag("funcretset"):
            return self._describe(call, view)
        if self._catalogue.functions[call.number("funcid")].signature == _UNNEST:
            array = self._describe(call.nodes("args")[0], view)
            return Fact(nullable=array.elements_nullable)
        return UNKNOWN


def values_rows(entry: Node) -> list[list[Node]]:
    """Return the rows of VALUES."""
    return [
        [item for item in row if isinstance(item, Node)]
        for row in entry.items("values_lists")
        if isinstance(row, list)
    ]
