"""The queries of one SQL file, as functions that generated modules call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import aiosql
from aiosql.queries import Queries
from aiosql.types import DriverAdapterProtocol, SQLOperationType
from psycopg import AsyncConnection
from psycopg.rows import args_row, scalar_row

from authority_queries.engine._async.adapter import AsyncAdapter
from authority_queries.engine._async.custom_types import AsyncCustomTypes
from authority_queries.engine.calls import AsyncCall, AsyncStream
from authority_queries.engine.errors import StaleModuleError
from authority_queries.engine.parameters import Parameters

Record = TypeVar("Record")
Value = TypeVar("Value")


class AsyncQueryFile:
    """The queries of one SQL file as aiosql loads them, with records as results.

    Each method returns the function that executes a query. The function takes a
    connection, then the query's parameters by keyword, which `takes` checks. It neither
    begins nor commits a transaction; streams, batches and scripts do in autocommit. It
    raises the errors of `authority_queries.errors`. A record is built from a row's
    values by position.

    `types` are the types that psycopg does not know. The qualified name of a composite
    type maps to its named tuple, of a domain to the name of its base type, of an enum
    to None. A connection looks them up at its first use. `texts` are the digests of the
    queries that a module was generated from.

    Raises StaleModuleError when the file is not there, when it does not have a query,
    or has it with another text or as another kind.
    """

    def __init__(
        self,
        path: Path,
        *,
        types: Mapping[str, type | str | None] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        self._path = path
        if not path.is_file():
            message = f"{path} is not there: SQL files belong inside the package"
            raise StaleModuleError(message)
        self._statements = AsyncAdapter(path, AsyncCustomTypes(types or {}))
        self.queries: Queries = aiosql.from_path(
            path,
            lambda: cast("DriverAdapterProtocol", self._statements),
            encoding="utf-8",
        )
        for name, statement in self._statements.by_name.items():
            statement.stands_at(getattr(self.queries, name).__code__.co_firstlineno)
        by_name = self._statements.by_name
        self.digests = {name: each.digest for name, each in by_name.items()}
        if changed := {*(texts or {}).items()} - {*self.digests.items()}:
            names = ", ".join(sorted(name for name, _ in changed))
            raise self._stale(f"changed since the module was generated: {names}")

    def row(
        self,
        name: str,
        record: Callable[..., Record],
        *,
        takes: Parameters | None = None,
    ) -> AsyncCall[Record | None]:
        """Return the function of a `^` or `<!`. It returns the record, or None.

        Raises CardinalityError for more than one row.
        """
        call: AsyncCall[Record | None] = self._function(
            name,
            SQLOperationType.SELECT_ONE,
            SQLOperationType.INSERT_RETURNING,
            takes=takes,
        )
        self._statements.by_name[name].makes(args_row(record))
        return call

    def sure_row(
        self,
        name: str,
        record: Callable[..., Record],
        *,
        takes: Parameters | None = None,
    ) -> AsyncCall[Record]:
        """Return the function of a `^` or `<!` that always returns a record."""
        call = cast("AsyncCall[Record]", self.row(name, record, takes=takes))
        self._statements.by_name[name].is_sure = True
        return call

    def rows(
        self,
        name: str,
        record: Callable[..., Record],
        *,
        takes: Parameters | None = None,
    ) -> AsyncCall[list[Record]]:
        """Return the function of a plain select. It returns all records."""
        call: AsyncCall[list[Record]] = self._function(
            name, SQLOperationType.SELECT, takes=takes
        )
        self._statements.by_name[name].makes(args_row(record))
        return call

    def stream(
        self,
        name: str,
        record: Callable[..., Record],
        *,
        takes: Parameters | None = None,
    ) -> Callable[..., AsyncStream[Record]]:
        """Return the function that opens a plain select as a server-side cursor.

        It takes connection and rows per trip by position. Its block runs in the open
        transaction; in autocommit the block is a transaction. It raises
        InvalidArgumentError for less than 1 row.
        """
        self.rows(name, record)
        cursor = getattr(self.queries, f"{name}_cursor")

        def opened(
            connection: AsyncConnection[object], size: int, /, **parameters: object
        ) -> AsyncStream[Record]:
            stream: AsyncStream[Record] = cursor(connection, **parameters)(size)
            return stream

        return opened if takes is None else takes.checked(opened)

    def value(
        self, name: str, *, takes: Parameters | None = None
    ) -> AsyncCall[Value | None]:
        """Return the function of a `$`. It returns the row's first value.

        The value is None for null or no row. The annotation of the variable that the
        function is assigned to states its type. Raises CardinalityError for more than
        one row.
        """
        call: AsyncCall[Value | None] = self._function(
            name, SQLOperationType.SELECT_VALUE, takes=takes
        )
        self._statements.by_name[name].makes(scalar_row)
        return call

    def sure_value(
        self, name: str, *, takes: Parameters | None = None
    ) -> AsyncCall[Value]:
        """Return the function of a `$` that always returns a value, never None."""
        call = cast("AsyncCall[Value]", self.value(name, takes=takes))
        self._statements.by_name[name].is_sure = True
        return call

    def promise(self, query: str, /, *columns: str, **types: object) -> None:
        """Check in each row what PostgreSQL cannot prove of a query.

        `columns` are not null (`@notnull`), `types` are read as declared (`@type`).
        The query's function raises BrokenPromiseError otherwise.
        """
        self._statements.by_name[query].promise(columns, types)

    def count(self, name: str, *, takes: Parameters | None = None) -> AsyncCall[int]:
        """Return the function of a `!`. It returns the number of changed rows, or 0."""
        return self._function(name, SQLOperationType.INSERT_UPDATE_DELETE, takes=takes)

    def batch(self, name: str, *, takes: Parameters | None = None) -> AsyncCall[int]:
        """Return the function of a `*!`. It returns the number of changed rows.

        It takes by position an iterable with a mapping from parameters to values for
        each execution. In autocommit all executions are one transaction.
        """
        call: AsyncCall[int] = self._function(
            name, SQLOperationType.INSERT_UPDATE_DELETE_MANY
        )
        if takes is None:
            return call
        self._statements.by_name[name].takes(takes)

        async def batched(
            connection: AsyncConnection[object], rows: Iterable[Mapping[str, object]]
        ) -> int:
            return await call(connection, map(takes.sent, rows))

        return batched

    def copy(
        self,
        name: str,
        types: Sequence[str] = (),
        *,
        takes: Parameters | None = None,
    ) -> AsyncCall[int]:
        """Return the function of a `copy … from stdin`. It returns the written rows.

        It takes by position an iterable of rows, each a sequence of values in the
        order of the statement's columns. It writes all of them or none. `types` are
        the columns' types, which a copy in binary format needs.
        """
        self._function(name, SQLOperationType.INSERT_UPDATE_DELETE)
        sql = getattr(self.queries, name).sql

        async def copied(
            connection: AsyncConnection[object], rows: Iterable[Sequence[object]]
        ) -> int:
            sent = rows if takes is None else map(takes.sent_row, rows)
            return await self._statements.copy(connection, name, sql, sent, types)

        return copied

    def script(self, name: str) -> AsyncCall[None]:
        """Return the function of a `#`: several statements without parameters.

        In autocommit they are one transaction, unless they begin and end their own.
        """
        return self._function(name, SQLOperationType.SCRIPT)

    def send(self, name: str) -> AsyncCall[None]:
        """Return the function that queues a statement in an open pipeline.

        For the statements that begin a unit of work: no tenant is set before them.
        """
        sql = getattr(self.queries, name).sql

        async def sent(
            connection: AsyncConnection[object], **parameters: object
        ) -> None:
            await self._statements.send(connection, name, sql, parameters)

        return sent

    def _function(
        self, name: str, *kinds: SQLOperationType, takes: Parameters | None = None
    ) -> AsyncCall[Value]:
        function: AsyncCall[Value] | None = getattr(self.queries, name, None)
        if name not in self._statements.by_name or function is None:
            raise self._stale(f"{name} is not there")
        if (kind := getattr(function, "operation", None)) not in kinds:
            raise self._stale(f"{name} is of kind {kind}")
        if takes is None:
            return function
        self._statements.by_name[name].takes(takes)
        return takes.checked(function)

    def _stale(self, message: str) -> StaleModuleError:
        return StaleModuleError(f"{self._path}: {message}; run authority generate")
