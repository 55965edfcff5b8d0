"""Typed queries, from PostgreSQL's description, the tags, and Python's types."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

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
    tagged_column,
    tagged_parameter,
    unknown_names,
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
from authority_queries.codegen.errors import Faults
from authority_queries.codegen.facts import Column, Columns, Fact, Parameter
from authority_queries.codegen.python_names import name_fault
from authority_queries.codegen.query import PythonName, Query


class Describer:
    """Types the queries of one database.

    The connection is in autocommit: an error must not abort a transaction. `declared`
    are the types that the queries' `@type` tags name.
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
        """Return the types of a query's parameters and columns.

        Raises GenerationError when PostgreSQL or the generator refuses the query.
        """
        match form_of(query):
            case Form.SCRIPT:
                check_script(query)
                faults = Faults()
                faults.add(*unknown_names(query, (), ()))
                faults.refuse()
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
        faults = Faults()
        names = [column.name for column in columns]
        faults.add(*unknown_names(query, names, parameters))
        typed_parameters = faults.each(
            lambda name: self._parameter(query, name, parameters[name]),
            query.parameters,
        )
        typed_columns = faults.each(partial(self._column, query), columns)
        faults.refuse()
        check_cases(query, typed_columns)
        return TypedQuery(
            query=query,
            parameters=typed_parameters,
            columns=typed_columns,
            column_oids=tuple(column.type_oid for column in columns),
            always_a_row=description.always_a_row,
            can_stream=form is Form.MANY and can_stream(statement),
        )

    def _describe_copy(self, query: Query) -> TypedQuery:
        columns = list(self._copied(query))
        faults = Faults()
        faults.add(*unknown_names(query, (), [column.name for column in columns]))
        parameters = faults.each(partial(self._copied_column, query), columns)
        faults.refuse()
        return TypedQuery(query=query, parameters=parameters, columns=())

    def _copied_column(self, query: Query, column: Column) -> TypedValue:
        parameter = Parameter(
            type_oid=column.type_oid,
            fact=column.fact,
            columns=Columns(column.origins),
        )
        return self._parameter(query, column.name, parameter)

    def _copied(self, query: Query) -> Iterator[Column]:
        table, names = copied_table(query)
        known = self._pg_types.columns_of_table(table)
        for name in names:
            if name not in known:
                there = ", ".join(known) or "none: is there such a table?"
                message = (
                    f"{table} has no column {name} to copy into; there are: {there}"
                )
                raise query.refuse_word(name, message)
            if fault := name_fault(name):
                raise query.refuse_word(name, f"column {name} {fault}")
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
                f"{written} has the type {error}, which has no Python type: cast it, "
                f"such as {written}::text"
            )
            if written == name:
                raise query.refuse_column(name, message) from error
            raise query.refuse_word(written, message) from error
        except UnfitTypeError as error:
            tag = query.tags.types[name]
            message = f"@type {name}: {tag.module}:{tag.name} {error}"
            raise query.refuse_tag("type", name, message) from error

    def _declared_for(self, query: Query, name: str) -> Declared | None:
        tag = query.tags.types.get(name)
        return None if tag is None else self._declared[tag]


def _meaning(name: str, parameter: Parameter) -> str:
    """Return the first sentence of the comment on a parameter's column."""
    comment = parameter.columns.comment_for(name)
    return re.split(r"(?<=[.])\s+(?=[A-Z])", comment, maxsplit=1)[0]


_WITH_COLUMNS = frozenset({Form.ONE, Form.MANY, Form.VALUE})


def _check_columns(query: Query, form: Form, columns: Sequence[Column]) -> None:
    if form in _WITH_COLUMNS and not columns:
        message = "it returns no columns: write ! after its name to count rows"
        raise query.refuse(message)
    if form is Form.VALUE and len(columns) != 1:
        raise query.refuse(f"$ returns one column, and the query has {len(columns)}")
    faults = Faults()
    names: set[str] = set()
    for column in columns:
        if fault := _fault_of_name(column.name, names):
            faults.add(query.refuse_column(column.name, fault))
        names.add(column.name)
    faults.refuse()


def _fault_of_name(name: str, names: Collection[str]) -> str | None:
    if name == "?column?":
        return "a column has no name: add `as …`"
    if name in names:
        return f"two columns are named {name}; rename one with `as …`"
    fault = name_fault(name)
    return f"column {name} {fault}; rename it with `as …`" if fault else None
