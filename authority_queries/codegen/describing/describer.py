"""From queries to typed queries: PostgreSQL's description, tags, Python's types."""

import re
from collections.abc import Iterator, Mapping

from psycopg import Connection

from authority_queries.codegen.describing.declared import Declared, UnfitTypeError
from authority_queries.codegen.describing.pg_types import PgTypes
from authority_queries.codegen.describing.syntax import (
    can_stream,
    check_script,
    copied_table,
)
from authority_queries.codegen.describing.tags import (
    check_cases,
    check_names,
    tagged_column,
    tagged_parameter,
)
from authority_queries.codegen.describing.type_mapping import PythonTypes, as_argument
from authority_queries.codegen.describing.type_parts import PythonType, UnknownTypeError
from authority_queries.codegen.describing.typed_query import (
    Form,
    TypedQuery,
    TypedValue,
    form_of,
)
from authority_queries.codegen.describing.variants import Describing, Variants
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.facts import Column, Columns, Fact, Parameter
from authority_queries.codegen.python_names import name_fault
from authority_queries.codegen.query import PythonName, Query


class Describer:
    """Types the queries of one database.

    The connection is in autocommit: what PostgreSQL refuses must not end anything.
    `declared` are the types that the queries' `@type` tags name.
    """

    def __init__(
        self,
        connection: Connection[object],
        analyst: Describing,
        declared: Mapping[PythonName, Declared],
    ) -> None:
        self._declared = declared
        self._pg_types = PgTypes(connection)
        self._variants = Variants(connection, analyst, self._pg_types)
        self.python_types = PythonTypes(self._pg_types)

    def describe(self, query: Query) -> TypedQuery:
        """Give the types of a query's parameters and columns.

        Raises GenerationError for what PostgreSQL or the generator refuses.
        """
        match form_of(query):
            case Form.SCRIPT:
                check_script(query)
                check_names(query, (), ())
                return TypedQuery(query=query, parameters=(), columns=())
            case Form.COPY:
                return self._describe_copy(query)
            case form:
                return self._describe_statement(query, form)

    def _describe_statement(self, query: Query, form: Form) -> TypedQuery:
        statement, description = self._variants.describe(query)
        columns = description.columns if form in _WITH_COLUMNS else ()
        _check_columns(query, form, columns)
        parameters = dict(
            zip(statement.parameters, description.parameters, strict=True)
        )
        check_names(query, [column.name for column in columns], parameters)
        typed_columns = tuple(self._column(query, column) for column in columns)
        check_cases(query, typed_columns)
        return TypedQuery(
            query=query,
            parameters=tuple(
                self._parameter(query, name, parameters[name])
                for name in query.parameters
            ),
            columns=typed_columns,
            column_oids=tuple(column.type_oid for column in columns),
            always_a_row=description.always_a_row,
            can_stream=form is Form.MANY and can_stream(statement),
        )

    def _describe_copy(self, query: Query) -> TypedQuery:
        columns = list(self._copied(query))
        check_names(query, (), [column.name for column in columns])
        return TypedQuery(
            query=query,
            parameters=tuple(
                self._parameter(
                    query,
                    column.name,
                    Parameter(
                        type_oid=column.type_oid,
                        fact=column.fact,
                        columns=Columns(column.origins),
                    ),
                )
                for column in columns
            ),
            columns=(),
        )

    def _copied(self, query: Query) -> Iterator[Column]:
        table, names = copied_table(query)
        known = self._pg_types.columns_of_table(table)
        for name in names:
            if name not in known:
                there = ", ".join(known) or "none: is there such a table?"
                message = (
                    f"{query.place}: {table} has no column {name} to copy into; "
                    f"there are: {there}"
                )
                raise GenerationError(message)
            _check_name(query, name)
            yield known[name]

    def _parameter(self, query: Query, name: str, parameter: Parameter) -> TypedValue:
        fact = tagged_parameter(query, name, parameter).fact
        python_type = self._type(query, f":{name}", name, parameter.type_oid, fact)
        tag = query.tags.params.get(name)
        return TypedValue(
            name=name,
            type=as_argument(python_type),
            nullable=fact.nullable,
            comment=tag.text if tag and tag.text else _meaning(name, parameter),
        )

    def _column(self, query: Query, column: Column) -> TypedValue:
        fact = tagged_column(query, column).fact
        name = column.name
        python_type = self._type(query, name, name, column.type_oid, fact)
        return TypedValue(
            name=name,
            type=python_type,
            nullable=fact.nullable,
            comment=column.comment,
        )

    def _type(
        self, query: Query, written: str, name: str, oid: int, fact: Fact
    ) -> PythonType:
        try:
            return self.python_types.of(oid, fact, self._declared_for(query, name))
        except UnknownTypeError as error:
            message = (
                f"{query.place}: {written} is of type {error}, which has no type in "
                f"Python; cast it, such as {written}::text"
            )
            raise GenerationError(message) from error
        except UnfitTypeError as error:
            tag = query.tags.types[name]
            message = f"{query.place}: @type {name}: {tag.module}:{tag.name} {error}"
            raise GenerationError(message) from error

    def _declared_for(self, query: Query, name: str) -> Declared | None:
        tag = query.tags.types.get(name)
        return None if tag is None else self._declared[tag]


def _meaning(name: str, parameter: Parameter) -> str:
    """Return the first sentence of the comment on a parameter's column."""
    comment = parameter.columns.comment_for(name)
    return re.split(r"(?<=[.])\s+(?=[A-Z])", comment, maxsplit=1)[0]


_WITH_COLUMNS = frozenset({Form.ONE, Form.MANY, Form.VALUE})


def _check_columns(query: Query, form: Form, columns: tuple[Column, ...]) -> None:
    if form in _WITH_COLUMNS and not columns:
        message = f"{query.place}: it gives no columns; a ! after its name counts rows"
        raise GenerationError(message)
    if form is Form.VALUE and len(columns) != 1:
        message = f"{query.place}: $ is for one column, and it has {len(columns)}"
        raise GenerationError(message)
    names: set[str] = set()
    for column in columns:
        if column.name in names:
            message = (
                f"{query.place}: two columns are named {column.name}; rename one by as"
            )
            raise GenerationError(message)
        names.add(column.name)
        _check_name(query, column.name)


def _check_name(query: Query, name: str) -> None:
    if name == "?column?":
        message = f"{query.place}: a column has no name; give it one by as"
        raise GenerationError(message)
    if fault := name_fault(name):
        message = f"{query.place}: column {name} {fault}; rename it by as"
        raise GenerationError(message)
