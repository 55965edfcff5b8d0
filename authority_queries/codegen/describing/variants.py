"""A description of a statement that holds for all types that psycopg may send.

psycopg sends a type with each value, which depends on the value: it sends none with
None, a text or an empty list. PostgreSQL may resolve the statement differently.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import psycopg
from psycopg import Connection
from psycopg.pq import ExecStatus

from authority_queries.codegen.describing.pg_types import PgTypes
from authority_queries.codegen.describing.refusals import refused
from authority_queries.codegen.describing.samples import sample
from authority_queries.codegen.facts import Description, Parameter, either
from authority_queries.codegen.query import Query
from authority_queries.codegen.sent import Statement, sent_types, statement_of


class Describing(Protocol):
    """Describes statements, as an Analyst does. Raises psycopg.Error."""

    def describe(
        self,
        statement: str,
        types: Sequence[int] = (),
        *,
        declared: Mapping[int, bool] = ...,
    ) -> Description:
        """Describe a statement whose parameters are sent with these types, 0 for none.

        `declared` overrides which of them may be null.
        """


class Variants:
    """Describes queries with all types that psycopg may send for their parameters."""

    def __init__(
        self,
        connection: Connection[object],
        analyst: Describing,
        pg_types: PgTypes,
    ) -> None:
        self._connection = connection
        self._analyst = analyst
        self._pg_types = pg_types

    def describe(self, query: Query) -> tuple[Statement, Description]:
        """Return what holds for every variant. Raises GenerationError."""
        statement = statement_of(query)
        inferred = self._ask(query, statement, ())
        described = [inferred]
        inferred_types = tuple(parameter.type_oid for parameter in inferred.parameters)
        seen: set[tuple[int, ...] | None] = {inferred_types}
        for types in self._variants(query, statement, inferred):
            parameters = self._parameter_types(statement, types)
            if parameters in seen:
                continue
            variant = self._ask(query, statement, types)
            self._check_alike(query, inferred, variant)
            described.append(variant)
            seen.add(parameters)
        return statement, _combined(described)

    def _ask(
        self, query: Query, statement: Statement, types: Sequence[int]
    ) -> Description:
        tags = query.tags.params
        declared = {
            number: nullable
            for number, name in enumerate(statement.parameters, 1)
            if name in tags and (nullable := tags[name].nullable) is not None
        }
        try:
            return self._analyst.describe(statement.text, types, declared=declared)
        except psycopg.Error as error:
            raise refused(query, statement, error) from error

    def _variants(
        self, query: Query, statement: Statement, inferred: Description
    ) -> Iterator[tuple[int, ...]]:
        """Return the types for values, and for None in nullable parameters."""
        values = {
            name: sample(self._pg_types, parameter.type_oid)
            for name, parameter in zip(
                statement.parameters, inferred.parameters, strict=True
            )
        }
        full = self._sent(query, values, inferred)
        yield full
        # An empty array is sent without a type, as None is.
        free = [
            index
            for index, parameter in enumerate(inferred.parameters)
            if full[index] and (parameter.fact.nullable or self._is_array(parameter))
        ]
        for index in free:
            yield tuple(0 if i == index else oid for i, oid in enumerate(full))
            others = set(free) - {index}
            yield tuple(0 if i in others else oid for i, oid in enumerate(full))
        yield tuple(0 if i in free else oid for i, oid in enumerate(full))

    def _sent(
        self, query: Query, values: Mapping[str, object], inferred: Description
    ) -> tuple[int, ...]:
        sent = sent_types(query.sql, self._connection, values)
        return tuple(
            self._registered(parameter.type_oid) or oid
            for parameter, oid in zip(inferred.parameters, sent, strict=True)
        )

    def _is_array(self, parameter: Parameter) -> bool:
        return self._pg_types.type(parameter.type_oid).kind == "array"

    def _registered(self, oid: int) -> int:
        """Return the oid that psycopg sends with named tuples; 0 for other values."""
        pg_type = self._pg_types.type(oid)
        match pg_type.kind:
            case "composite":
                return oid
            case "domain":
                return self._registered(pg_type.element)
            case "array" if element := self._registered(pg_type.element):
                return self._pg_types.type(element).array_type
        return 0

    def _parameter_types(
        self, statement: Statement, types: Sequence[int]
    ) -> tuple[int, ...] | None:
        """Return the types that PostgreSQL resolves, or None if it refuses."""
        pgconn = self._connection.pgconn
        prepared = pgconn.prepare(b"", statement.text.encode(), types)
        if prepared.status != ExecStatus.COMMAND_OK:
            return None
        described = pgconn.describe_prepared(b"")
        return tuple(described.param_type(i) for i in range(described.nparams))

    def _check_alike(
        self, query: Query, inferred: Description, variant: Description
    ) -> None:
        for column, other in zip(inferred.columns, variant.columns, strict=True):
            if (column.name, column.type_oid) != (other.name, other.type_oid):
                one, two = (
                    self._pg_types.type(c.type_oid).name for c in (column, other)
                )
                message = (
                    f"column {column.name} is {one} or {two}, depending on the types "
                    "that psycopg sends; cast the parameters where they are "
                    "used, such as :name::uuid"
                )
                raise query.refuse_column(column.name, message)


def _combined(described: Sequence[Description]) -> Description:
    return Description(
        parameters=tuple(
            replace(same[0], fact=either(parameter.fact for parameter in same))
            for same in zip(*(d.parameters for d in described), strict=True)
        ),
        columns=tuple(
            replace(same[0], fact=either(column.fact for column in same))
            for same in zip(*(d.columns for d in described), strict=True)
        ),
        always_a_row=all(d.always_a_row for d in described),
    )
