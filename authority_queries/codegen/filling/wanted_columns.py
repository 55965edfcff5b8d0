"""Which columns a list of a query should have: those of the query's `@row`.

A list gets the names of the row, in the row's order. A column that it already has stays
as it is written. A missing column is added. A column that the row lacks is removed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
        """Return whether its columns differ. Its layout does not count."""
        return self.columns != self.found.columns

    @property
    def difference(self) -> str:
        """Return which columns differ: `queries/users.sql:12: list_after: + …`."""
        new, old = self.columns, self.found.columns
        added = [f"+ {column.text}" for column in new if column not in old]
        removed = [f"- {column.text}" for column in old if column not in new]
        changes = ", ".join([*added, *removed]) or "another order"
        message = f"{self.statement.block.name}: {changes}; see {self.row}"
        return str(self.statement.refuse(self.found, message))


def filled_lists(
    statement: Statement, row: Row, *, declares: bool
) -> Iterable[FilledList]:
    """Return the lists of a statement, and those of the CTEs that they select from.

    Raises GenerationError where a person must write or remove the column.
    """
    filling = _Filling(statement, row)
    for index, found in enumerate(statement.lists):
        if declares and index == 0:
            filling.fill(found, row.columns, declares=True)
        else:
            filling.fill(found, tuple(_columns(statement, row, found)))
    return filling.lists.values()


def _columns(statement: Statement, row: Row, found: ColumnList) -> Iterator[Column]:
    names = {column.name for column in row.columns}
    for column in found.columns:
        if column.name not in names and column.source is None:
            message = f"`{column.name}` is not a column of {row}: add it there"
            raise statement.refuse(found, f"{message}, or remove it here")
    for column in row.columns:
        own = found.by_name.get(column.name or "")
        like = None if own else _of_same_table(column, row, found.by_name)
        if own is None and like is None:
            why = "is computed" if column.source is None else "has no clear table here"
            message = f"`{column.name}` of {row} {why}: write it into this list"
            raise statement.refuse(found, message)
        yield own or (column.of(like) if like else column)


def _of_same_table(
    column: Column, row: Row, here: Mapping[str, Column]
) -> Column | None:
    """Return a column of the table from which a list takes this column's neighbours."""
    if column.source is None:
        return None
    return _of_one_table(
        here.get(other.name or "")
        for other in row.columns
        if other.source and other.source[0] == column.source[0]
    )


def _of_one_table(columns: Iterable[Column | None]) -> Column | None:
    """Return one of the columns if all that are not expressions are of one table."""
    found = {column.table: column for column in columns if column and column.source}
    return next(iter(found.values())) if len(found) == 1 else None


class _Filling:
    """The lists of one statement, by where they begin."""

    def __init__(self, statement: Statement, row: Row) -> None:
        self._statement = statement
        self._row = row
        self.lists: dict[int, FilledList] = {}

    def fill(
        self, found: ColumnList, columns: tuple[Column, ...], *, declares: bool = False
    ) -> None:
        """Set the columns of a list, and add those that it lacks to its CTEs."""
        filled = FilledList(
            statement=self._statement,
            row=self._row,
            found=found,
            columns=columns,
            declares=declares,
        )
        if filled.is_stale and found.has_comments:
            message = "a comment in a list that is filled: move it above the query"
            raise self._statement.refuse(found, message)
        self.lists[found.start] = filled
        for alias, name in found.queries.items():
            self._fill_cte(filled, alias, name)

    def _fill_cte(self, reader: FilledList, alias: str, name: str) -> None:
        wanted = [
            column.source[1]
            for column in reader.columns
            if column.source and column.source[0] == alias
        ]
        is_whole_row = len(wanted) == len(self._row.columns)
        for found in self._statement.lists_of(name):
            known = self.lists.get(found.start)
            before = known.columns if known else found.columns
            columns = _with_added(before, wanted)
            if is_whole_row:
                columns = tuple(
                    column
                    for column in columns
                    if column.name in wanted or _is_used(reader, {alias, name}, column)
                )
            # If no column changes, only a list of the whole row gets a new layout.
            if columns != before or (is_whole_row and not known):
                self.fill(found, columns)


def _with_added(columns: Sequence[Column], wanted: Sequence[str]) -> tuple[Column, ...]:
    """Return a CTE's columns, with the missing ones of the only table that it reads.

    With several tables nothing is added: PostgreSQL will name the missing column.
    """
    by_name = {column.name: column for column in columns}
    like = _of_one_table(by_name.get(name) for name in wanted)
    added = list(columns)
    for index, name in enumerate(wanted):
        if like and name not in by_name:
            names = [column.name for column in added]
            before = [names.index(other) for other in wanted[:index] if other in names]
            new = Column(name=name, text=name, source=("", name)).of(like)
            added.insert(max(before, default=-1) + 1, new)
    return tuple(added)


def _is_used(reader: FilledList, tables: set[str], column: Column) -> bool:
    """Return whether the statement reads a CTE's column outside of this list."""
    if column.source is None:
        return True
    references = {(table, column.name) for table in tables}
    here = sum(old.source in references for old in reader.found.columns)
    return reader.statement.count(references) > here
