"""The column lists of a query: their places in the file, and their columns.

A list is that of a `select` or of a `returning`. The lists of a union are several.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from pglast import ast, parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.reading.source import Block, Token, told_by

_OPENING: Final = frozenset({"ASCII_40", "ASCII_91"})  # ( [
_CLOSING: Final = frozenset({"ASCII_41", "ASCII_93"})  # ) ]
_COMMA: Final = "ASCII_44"
_NAMING: Final = frozenset({"AS", "ASCII_46"})  # behind these a keyword is a name
# The keywords after a list, and those before the same word inside an expression.
_NEXT_CLAUSES: Final = {
    "FROM": "DISTINCT",
    "GROUP_P": "WITHIN",
    **dict.fromkeys(
        ("INTO", "WHERE", "HAVING", "WINDOW", "UNION", "INTERSECT", "EXCEPT")
    ),
    **dict.fromkeys(("ORDER", "LIMIT", "OFFSET", "FETCH", "FOR", "ASCII_59")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a list as it is written.

    If it is only a column's name, `source` is its table and column, and `table` is the
    text before the name: `users.`, or nothing. `name` is None for an expression without
    a name.
    """

    name: str | None
    text: str
    source: tuple[str, str] | None = None
    table: str = ""

    def of(self, other: "Column") -> "Column":
        """Return the column of the same name of another column's table."""
        return replace(
            self,
            text=other.table + self.text.removeprefix(self.table),
            source=other.source and self.source and (other.source[0], self.source[1]),
            table=other.table,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnList:
    """A list of columns, from the offset `start` of the file to `end`.

    `after` is the offset behind the keyword that it follows; `has_comments` is whether
    it has comments. `queries` are the CTEs that its `from` reads, by alias.
    """

    after: int
    start: int
    end: int
    columns: tuple[Column, ...]
    has_comments: bool
    queries: Mapping[str, str]

    @property
    def by_name(self) -> Mapping[str, Column]:
        """Return the columns that have a name."""
        return {column.name: column for column in self.columns if column.name}


class Statement:
    """The statement of a query that returns rows."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self._words = [token for token in block.body if not token.is_comment]
        node = _parsed(block)
        ctes = getattr(node, "withClause", None)
        self._ctes = {cte.ctename: cte.ctequery for cte in ctes.ctes} if ctes else {}
        self.lists = self._lists(node)
        self._references = _references(node)

    def lists_of(self, name: str) -> Sequence[ColumnList]:
        """Return the lists of a CTE."""
        return self._lists(self._ctes[name])

    def count(self, columns: Container[tuple[str, str | None]]) -> int:
        """Return how often the statement reads one of these, as `table.column`."""
        return sum(reference in columns for reference in self._references)

    def refuse(self, found: ColumnList, message: str) -> GenerationError:
        """Return the error that names the line of a list."""
        return self.block.source.refuse(found.start, message)

    def _lists(self, node: ast.Node) -> Sequence[ColumnList]:
        return [
            self._list(targets, _relations(part))
            for part in _parts(node)
            if (targets := _targets(part))
        ]

    def _list(
        self, targets: Sequence[ast.ResTarget], relations: Mapping[str, str]
    ) -> ColumnList:
        indexes = {word.start: index for index, word in enumerate(self._words)}
        firsts = [indexes[self._offset(target)] for target in targets]
        # The comma before a column is behind the end of the one before it.
        ends = [first - 2 for first in firsts[1:]] + [self._last(firsts[-1])]
        start, end = self._words[firsts[0]].start, self._words[ends[-1]].end
        return ColumnList(
            after=self._words[firsts[0] - 1].end,
            start=start,
            end=end,
            columns=tuple(
                self._column(target, first, last)
                for target, first, last in zip(targets, firsts, ends, strict=True)
            ),
            has_comments=any(
                token.is_comment and start < token.start < end
                for token in self.block.body
            ),
            queries={
                alias: name for alias, name in relations.items() if name in self._ctes
            },
        )

    def _offset(self, target: ast.ResTarget) -> int:
        return self.block.body[0].start + (target.location or 0)

    def _last(self, index: int) -> int:
        """Return the last word of the last column of a list, which begins here."""
        depth = 0
        for number, (before, word) in enumerate(pairwise(self._words[index:]), index):
            depth += (before.kind in _OPENING) - (word.kind in _CLOSING)
            if depth < 0 or (not depth and _ends(before, word)):
                return number
        return len(self._words) - 1

    def _column(self, target: ast.ResTarget, first: int, last: int) -> Column:
        start = self._words[first].start
        text = self.block.source.text[start : self._words[last].end]
        match target.val:
            case ast.ColumnRef(fields=(*tables, ast.String(sval=str(name)))):
                # Names and the dots between them.
                table = self._words[first + 2 * len(tables)].start - start
                return Column(
                    name=target.name or name,
                    text=text,
                    source=(".".join(str(part.sval) for part in tables), name),
                    table=text[:table],
                )
        return Column(name=target.name, text=text)


def _ends(before: Token, word: Token) -> bool:
    return (
        word.kind in _NEXT_CLAUSES
        and before.kind not in _NAMING
        and before.kind != _NEXT_CLAUSES[word.kind]
    )


def _parsed(block: Block) -> ast.Node:
    """Parse the statement, with `$1` for each `:name` and all else at its offset."""
    start = block.body[0].start
    text = block.source.text[start : block.end]
    for colon, word in pairwise(block.body):
        is_name = word.text.isascii() and word.text.isidentifier()
        if (colon.kind, colon.end) == ("ASCII_58", word.start) and is_name:
            before, behind = text[: colon.start - start], text[word.end - start :]
            text = before + "$1".ljust(word.end - colon.start) + behind
    try:
        statement = parse_sql(text)[0].stmt
    except ParseError as error:
        message, offset = told_by(error)
        raise block.source.refuse(start + offset, message) from error
    if isinstance(statement, ast.Node):
        return statement
    raise block.refuse("no statement below the comment")


def _parts(node: ast.Node) -> Iterator[ast.Node]:
    if isinstance(node, ast.SelectStmt) and node.larg and node.rarg:
        yield from _parts(node.larg)
        yield from _parts(node.rarg)
    else:
        yield node


def _targets(node: ast.Node) -> Sequence[ast.ResTarget]:
    if isinstance(node, ast.SelectStmt):
        return node.targetList or ()
    returning = getattr(node, "returningClause", None)
    return returning.exprs if returning else ()


def _relations(node: ast.Node) -> Mapping[str, str]:
    """Return the names without a schema in a statement's own `from`, by alias."""
    found = {}
    pending = list(getattr(node, "fromClause", None) or ())
    while pending:
        match pending.pop():
            case ast.JoinExpr(larg=left, rarg=right):
                pending += [left, right]
            case ast.RangeVar(schemaname=None, relname=str(name), alias=alias):
                found[str(alias.aliasname) if alias else name] = name
    return found


def _references(node: ast.Node) -> list[tuple[str, str]]:
    found = []

    class References(Visitor):
        def visit_ColumnRef(self, _: object, node: ast.ColumnRef) -> None:  # noqa: N802 -- pglast finds it by this name
            match node.fields:
                case (ast.String() as table, ast.String() as column):
                    found.append((str(table.sval), str(column.sval)))

    References()(node)
    return found
