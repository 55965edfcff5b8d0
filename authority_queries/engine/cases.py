"""Rows whose class depends on one of their values."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from authority_queries.engine.errors import BrokenPromiseError

Record = TypeVar("Record")
# Values of the column, the class of the rows with one of them, and the columns that
# are never null in these rows, with their positions.
Case: TypeAlias = tuple[Sequence[object], Callable[..., Record], Mapping[str, int]]


def by_case(label: str, place: int, *cases: Case[Record]) -> Callable[..., Record]:
    """Return the function that makes a row's record by the value at `place`.

    The cases list every value that the column can have. The function raises
    BrokenPromiseError for a null in a column that must not be null in its case.
    """
    by_value = {value: case for case in cases for value in case[0]}

    def make(*values: object) -> Record:
        _, record, notnull = by_value[values[place]]
        for name, position in notnull.items():
            if values[position] is None:
                message = (
                    f"{label}: {name} is null against its @when, "
                    f"in the case {values[place]}"
                )
                raise BrokenPromiseError(message)
        return record(*values)

    return make
