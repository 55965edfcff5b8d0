"""Which columns a list of a query should have: those of the query's `@row`.

A list has the names of the row in its order. A column that it has already stays as it
is written, a missing one is added, one that the row does not have is taken out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from authority_queries.codegen.filling.column_lists import Column, ColumnList, Statement
from authority_queries.codegen.query import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row that several queries return, as the first of them declares it."""

    declared_by: Query
    columns: tuple[Column, ...]

    def __str__(self) -> str:
        return f"@row {self.declared_by.tags.row} ({self.declared_by.place})"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledList:
    """A list with the columns that it should have.

    `declares` is whether it is the one that the columns of the row are written in.
    """

    statement: Statement
    row: Row
    found: ColumnList
    columns: tuple[Column, ...]
    declares: bool = False

    @property
    def is_stale(self) -> bool:
        """Tell whether its columns are others: its layout does not count."""
        return self.columns != self.found.columns

    @property
    def difference(self) -> str:
        """Say which columns are others: `queries/users.sql:12: list_after: + …`."""
        new, old = self.columns, self.found.columns
        added = [f"+ {column.text}" for column in new if column not in old]
        removed = [f"- {column.text}" for column in old if column not in new]
        changes = ", ".join([*added, *removed]) or "another order"
        message = f"{self.statement.block.name}: {changes}; see {self.row}"
        return str(self.statement.refuse(self.found, message))


def filled_lists(
    statement: Statement, row: Row, *, declares: bool
) -> Iterator[FilledList]:
    """Give the lists of a statement, and those of the CTEs that they select from.

    Raises GenerationError where a person must write or remove the column.
    """
    for index, found in enumerate(statement.lists):
        if declares and index == 0:
            columns = row.columns
        else:
            columns = tuple(_columns(statement, row, found))
        filled = FilledList(
            statement=statement,
            row=row,
            found=found,
            columns=columns,
            declares=declares and index == 0,
        )
        if filled.is_stale and found.has_comments:
            message = "a comment in a list that is filled: move it above the query"
            raise statement.refuse(found, message)
        yield filled
        yield from _of_ctes(filled)


def _columns(statement: Statement, row: Row, found: ColumnList) -> Iterator[Column]:
    names = {column.name for column in row.columns}
    for column in found.columns:
        if column.name not in names and column.source is None:
            message = f"`{column.name}` is not a column of {row}: add it there"
            raise statement.refuse(found, f"{message}, or remove it here")
    for column in row.columns:
        own = found.by_name.get(column.name or "")
        table = None if own else _table_of(column, row, found.by_name)
        if own is None and table is None:
            why = "is computed" if column.source is None else "can be of several tables"
            message = f"`{column.name}` of {row} {why}: write it into this list"
            raise statement.refuse(found, message)
        yield own or column.of(table or "")


def _table_of(column: Column, row: Row, here: Mapping[str, Column]) -> str | None:
    """Give the table that a list takes the columns of this column's table from."""
    if column.source is None:
        return None
    tables = _tables(
        here.get(other.name or "")
        for other in row.columns
        if other.source and other.source[0] == column.source[0]
    )
    return tables.pop() if len(tables) == 1 else None


def _tables(columns: Iterator[Column | None]) -> set[str]:
    return {column.table for column in columns if column and column.source}


def _of_ctes(filled: FilledList) -> Iterator[FilledList]:
    """Give the lists of the CTEs that this list selects from, where it matters."""
    for alias, name in filled.found.queries.items():
        wanted = [
            column.source[1]
            for column in filled.columns
            if column.source and column.source[0] == alias
        ]
        is_whole_row = len(wanted) == len(filled.row.columns)
        for found in filled.statement.lists_of(name):
            columns = _with_added(found, wanted)
            if is_whole_row:
                columns = tuple(
                    column
                    for column in columns
                    if column.name in wanted or _is_used(filled, {alias, name}, column)
                )
            fed = FilledList(
                statement=filled.statement,
                row=filled.row,
                found=found,
                columns=columns,
            )
            if fed.is_stale or is_whole_row:
                yield fed
                yield from _of_ctes(fed)


def _with_added(found: ColumnList, wanted: Sequence[str]) -> tuple[Column, ...]:
    """Give a CTE's columns and those that it lacks, of the only table of the others.

    With several tables nothing is added: PostgreSQL says then which column is missing.
    """
    columns = list(found.columns)
    tables = _tables(found.by_name.get(name) for name in wanted)
    for index, name in enumerate(wanted):
        if name not in found.by_name and len(tables) == 1:
            (table,) = tables
            names = [column.name for column in columns]
            before = [names.index(other) for other in wanted[:index] if other in names]
            new = Column(name=name, text=f"{table}.{name}", source=(table, name))
            columns.insert(max(before, default=-1) + 1, new)
    return tuple(columns)


def _is_used(filled: FilledList, tables: set[str], column: Column) -> bool:
    """Tell whether the statement reads a CTE's column elsewhere than in this list."""
    if column.source is None:
        return True
    references = {(table, column.name) for table in tables}
    here = sum(old.source in references for old in filled.found.columns)
    return filled.statement.count(references) > here
