"""The text and the types that psycopg sends for a query."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

# A private module: psycopg has no public way to see the text that it sends for
# `%(name)s` and `%%`, and a conversion of our own would prove nothing about it. A test
# compares the text with pg_prepared_statements.
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer

from authority_queries.codegen.query import Query


class _OwnNames(dict[str, str]):
    """Maps every parameter to its own name."""

    def __missing__(self, name: str) -> str:
        return name


def sent_text(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return the text that is sent, and the names of its parameters from `$1` on.

    Raises psycopg.ProgrammingError for a text that psycopg refuses.
    """
    converted = PostgresQuery(Transformer())
    converted.convert(sql, _OwnNames())
    names = tuple(bytes(value or b"").decode() for value in converted.params or ())
    return converted.query.decode(), names


def sent_types(
    sql: str, connection: psycopg.Connection[object], values: Mapping[str, object]
) -> tuple[int, ...]:
    """Return the oids that are sent with these values, 0 for none."""
    converted = PostgresQuery(Transformer(connection))
    converted.convert(sql, values)
    return converted.types


def with_names(text: str, names: Sequence[str]) -> str:
    """Turn each `$1` back into `:name`."""
    for number, name in reversed([*enumerate(names, 1)]):
        text = re.sub(rf"\${number}\b", f":{name}", text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A query as it is sent. `parameters[0]` is the name of `$1`."""

    text: str
    parameters: tuple[str, ...]


def statement_of(query: Query) -> Statement:
    """Return the statement that psycopg sends for a query."""
    text, parameters = sent_text(query.sql)
    return Statement(text=text, parameters=parameters)
