"""What psycopg makes of the text that aiosql hands to it, and the types it sends."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

# Private, and there is no public way to see what psycopg makes of `%(name)s` and `%%`:
# to look at a text of our own making would prove nothing about what runs. A test
# compares it with pg_prepared_statements.
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer

from authority_queries.codegen.query import Query


class _OwnNames(dict[str, str]):
    """Every parameter has its own name as its value."""

    def __missing__(self, name: str) -> str:
        return name


def sent_text(sql: str) -> tuple[str, tuple[str, ...]]:
    """Give the text that is sent, and the names: the first one became `$1`.

    Raises psycopg.ProgrammingError for a text that psycopg refuses.
    """
    converted = PostgresQuery(Transformer())
    converted.convert(sql, _OwnNames())
    names = tuple(bytes(value or b"").decode() for value in converted.params or ())
    return converted.query.decode(), names


def sent_types(
    sql: str, connection: psycopg.Connection[object], values: Mapping[str, object]
) -> tuple[int, ...]:
    """Give the oids that are sent with these values, 0 where none is sent."""
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
    """A query as it is sent: `parameters[0]` is the name that became `$1`."""

    text: str
    parameters: tuple[str, ...]


def statement_of(query: Query) -> Statement:
    """Turn the query's text into what psycopg sends for it."""
    text, parameters = sent_text(query.sql)
    return Statement(text=text, parameters=parameters)
