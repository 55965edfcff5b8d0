"""Exchanges of one statement and its result, outside pipelines.

psycopg's cursor makes its converters of values anew for each statement, which takes as
long as the exchange itself. Here a connection keeps them for its next statement.
"""

from contextlib import suppress
from typing import Final
from weakref import WeakKeyDictionary

from psycopg import errors
from psycopg._preparing import Prepare
from psycopg._queries import PostgresQuery
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.generators import execute
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.rows import RowMaker

from authority_queries.engine.direct_connections import AnyConnection
from authority_queries.engine.loaders import adapters_of

_KEPT: Final = 2  # of one connection, for two statements that overlap
_MOST_QUERIES: Final = 500
_ENCODING: Final = "utf-8"
# psycopg's: errors whose traceback would hold the connection.
NO_TRACEBACK: Final = errors._NO_TRACEBACK
_OK: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class _Context:
    """psycopg's context of adapters, without a reference to the connection."""

    connection = None

    def __init__(self, adapters: AdaptersMap) -> None:
        self.adapters = adapters


class Exchange:
    """Converters of one connection. One statement uses them at a time."""

    __slots__ = ("_queries", "_result", "_transformer")

    def __init__(self, adapters: AdaptersMap) -> None:
        self._transformer = Transformer(_Context(adapters))
        self._queries: dict[str, PostgresQuery] = {}
        self._result: PGresult | None = None

    def converted(self, sql: str, parameters: object) -> PostgresQuery:
        """Return the statement with its values as PostgreSQL reads them."""
        query = self._queries.get(sql)
        if query is not None:
            query.dump(parameters)  # type: ignore[arg-type] # -- a mapping
            return query
        query = PostgresQuery(self._transformer)
        query.convert(sql, parameters)  # type: ignore[arg-type] # -- as above
        if len(self._queries) < _MOST_QUERIES:
            self._queries[sql] = query
        return query

    def run(
        self, connection: AnyConnection, query: PostgresQuery, *, prepare: bool | None
    ) -> PQGen[None]:
        """Send the statement and receive its result, as psycopg's cursor does."""
        if not connection.autocommit:
            yield from connection._start_query()
        prepared = connection._prepared
        how, name = prepared.get(query, prepare)
        if how is Prepare.SHOULD:
            yield from _prepare(connection, name, query)
        _send(connection, name, query)
        query.params = None  # do not keep values
        key = prepared.maybe_add_to_cache(query, how, name)
        results = yield from execute(connection.pgconn)
        if key is not None:
            prepared.validate(key, how, name, results)
        self._result = _only(results)
        if prepared._to_flush:
            yield from prepared.maintain_gen(connection)

    def rows(self, make: RowMaker[object]) -> list[object]:
        """Return all rows."""
        result, transformer = self._result, self._transformer
        if result is None or result.status != ExecStatus.TUPLES_OK:
            message = "the last operation didn't produce records"
            raise errors.ProgrammingError(message)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, make)

    def count(self) -> int:
        """Return the number of changed rows, 0 for a statement without a count."""
        result = self._result
        return 0 if result is None else result.command_tuples or 0

    def end(self, connection: AnyConnection) -> None:
        """Forget the result, and keep the converters for the next statement."""
        self._result = None
        self._transformer.set_pgresult(None)
        idle = _idle.get(connection)
        if idle is not None and len(idle) < _KEPT:
            idle.append(self)


# By connection: each has composite types of its own.
_idle: Final[WeakKeyDictionary[AnyConnection, list[Exchange]]] = WeakKeyDictionary()


def exchange_of(connection: AnyConnection) -> Exchange | None:
    """Return converters that nothing else uses, or None where a cursor is needed.

    A pipeline sends later, and another encoding than UTF-8 needs other converters.
    """
    if connection._pipeline is not None:
        return None
    if connection.pgconn.parameter_status(b"client_encoding") != b"UTF8":
        return None
    idle = _idle.get(connection)
    if idle is None:
        idle = _idle.setdefault(connection, [])
    with suppress(IndexError):  # another thread may be faster
        return idle.pop()
    return Exchange(adapters_of(connection))


def forget_exchanges(connection: AnyConnection) -> None:
    """Make new converters, after the connection has learnt a type."""
    _idle.pop(connection, None)


def _prepare(
    connection: AnyConnection, name: bytes, query: PostgresQuery
) -> PQGen[None]:
    connection.pgconn.send_prepare(name, query.query, param_types=query.types)
    results = yield from execute(connection.pgconn)
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result, encoding=_ENCODING)


def _send(connection: AnyConnection, name: bytes, query: PostgresQuery) -> None:
    if name:
        connection.pgconn.send_query_prepared(
            name,
            query.params,
            param_formats=query.formats,
            result_format=Format.BINARY,
        )
        return
    connection.pgconn.send_query_params(
        query.query,
        query.params,
        param_formats=query.formats,
        param_types=query.types,
        result_format=Format.BINARY,
    )


def _only(results: list[PGresult]) -> PGresult:
    """Return the statement's result. Raises its error."""
    result = results[0]
    if result.status == ExecStatus.FATAL_ERROR:
        raise errors.error_from_result(result, encoding=_ENCODING)
    if result.status not in _OK:
        message = f"unexpected status of a result: {ExecStatus(result.status).name}"
        raise errors.InternalError(message)
    return result
