"""A query with the Python types of its parameters and columns."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from aiosql.types import SQLOperationType

from authority_queries.codegen.describing.type_parts import PythonType
from authority_queries.codegen.query import Query


class Form(Enum):
    """What the generated function returns."""

    ONE = auto()
    MANY = auto()
    VALUE = auto()
    COUNT = auto()
    BATCH = auto()
    COPY = auto()
    SCRIPT = auto()


_FORMS: Final = {
    SQLOperationType.SELECT_ONE: Form.ONE,
    SQLOperationType.INSERT_RETURNING: Form.ONE,
    SQLOperationType.SELECT: Form.MANY,
    SQLOperationType.SELECT_VALUE: Form.VALUE,
    SQLOperationType.INSERT_UPDATE_DELETE: Form.COUNT,
    SQLOperationType.INSERT_UPDATE_DELETE_MANY: Form.BATCH,
    SQLOperationType.SCRIPT: Form.SCRIPT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedValue:
    """A parameter or a column: name, Python type, and whether it may be None.

    `comment` is that of the database's column, or the text of `@param`.
    """

    name: str
    type: PythonType
    nullable: bool
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedQuery:
    """A query, its parameters in declared order, and its columns.

    `column_oids` are PostgreSQL's types of the columns. `can_stream` is True when a
    server-side cursor can run it.
    """

    query: Query
    parameters: tuple[TypedValue, ...]
    columns: tuple[TypedValue, ...]
    column_oids: tuple[int, ...] = ()
    always_a_row: bool = False
    can_stream: bool = False

    @property
    def form(self) -> Form:
        """What the generated function returns."""
        return form_of(self.query)

    @property
    def fields(self) -> tuple[TypedValue, ...]:
        """The fields of its record; none if it has no record."""
        match self.form:
            case Form.ONE | Form.MANY:
                return self.columns
            case Form.BATCH | Form.COPY:
                return self.parameters
            case _:
                return ()


def form_of(query: Query) -> Form:
    """Return what the generated function of a query returns."""
    return Form.COPY if query.tags.copy else _FORMS[query.operation]
