"""How aiosql's functions reach psycopg: the one place where statements are executed."""

import logging
from collections.abc import AsyncIterator, Mapping
from inspect import iscoroutinefunction
from typing import cast

import aiosql
import psycopg
from aiosql.adapters.pyformat import PyFormatAdapter
from aiosql.queries import Queries
from aiosql.types import DriverAdapterProtocol, SQLOperationType
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row

from authority_queries import errors
from authority_queries._resources import QUERIES

_logger = logging.getLogger("authority_queries.sql")


class AsyncAdapter:
    """Executes the queries of one file: rows by column name, errors by our names.

    Differs from aiosql's own adapter in three ways: a `%` in a file needs no doubling,
    async gives the same results as sync, and each statement is announced to the
    logger `authority_queries.sql` at DEBUG by file, line and name, never with
    parameters.
    """

    def __init__(self, stem: str) -> None:
        self.is_aio_driver = iscoroutinefunction(self._execute)
        self._stem = stem
        self.lines: dict[str, int] = {}

    def process_sql(self, query_name: str, op_type: SQLOperationType, sql: str) -> str:
        """Turn `:name` into psycopg's `%(name)s`."""
        processed: str = PyFormatAdapter().process_sql(  # type: ignore[no-untyped-call] # aiosql's own is untyped
            query_name, op_type, sql.replace("%", "%%")
        )
        return processed

    async def select(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
        _record_class: None = None,
    ) -> AsyncIterator[DictRow]:
        """Give the rows, fetched at once."""
        cursor = await self._execute(conn, query_name, sql, parameters)
        for row in await cursor.fetchall():
            yield row

    async def select_one(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
        _record_class: None = None,
    ) -> DictRow | None:
        """Give the only row, or None."""
        cursor = await self._execute(conn, query_name, sql, parameters)
        return await cursor.fetchone()

    async def select_value(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
    ) -> object:
        """Give the only value of the only row, or None."""
        row = await self.select_one(conn, query_name, sql, parameters)
        return None if row is None else next(iter(row.values()))

    async def insert_update_delete(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
    ) -> int:
        """Give the number of rows that changed."""
        cursor = await self._execute(conn, query_name, sql, parameters)
        return cursor.rowcount

    async def _execute(
        self,
        conn: AsyncConnection[object],
        query_name: str,
        sql: str,
        parameters: Mapping[str, object],
    ) -> AsyncCursor[DictRow]:
        _logger.debug(
            "queries/%s.sql:%d %s", self._stem, self.lines[query_name], query_name
        )
        cursor = conn.cursor(row_factory=dict_row)
        try:
            await cursor.execute(sql, parameters)
        except (psycopg.Error, UnicodeEncodeError) as error:
            known = errors.from_driver(error, f"{self._stem}.{query_name}")
            if known is None:
                raise
            raise known from error
        return cursor


def load_queries(stem: str) -> Queries:
    """Load `queries/{stem}.sql`."""
    adapter = AsyncAdapter(stem)
    path = QUERIES / f"{stem}.sql"
    queries: Queries = aiosql.from_path(
        path, lambda: cast("DriverAdapterProtocol", adapter), encoding="utf-8"
    )
    for name in queries.available_queries:
        adapter.lines[name] = getattr(queries, name).__code__.co_firstlineno
    return queries
