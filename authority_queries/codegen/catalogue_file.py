"""Queries of the system catalogue, from an SQL file beside the module that asks."""

from pathlib import Path
from typing import Any

import aiosql
import psycopg
from aiosql.queries import Queries
from psycopg.rows import namedtuple_row


class CatalogueFile:
    """A file with catalogue queries, for connections in autocommit.

    Rows are named tuples without types.
    """

    def __init__(self, path: Path) -> None:
        self._queries: Queries = aiosql.from_path(path, "psycopg", encoding="utf-8")

    def rows(
        self, connection: psycopg.Connection[object], query: str, **parameters: object
    ) -> list[Any]:
        """Return the rows of a query, in which bare names are those of pg_catalog.

        A project's search_path may put its own `=` before PostgreSQL's.
        """
        with connection.transaction():
            connection.execute("set local search_path = pg_catalog")
            return self.rows_in_session(connection, query, **parameters)

    def rows_in_session(
        self, connection: psycopg.Connection[object], query: str, **parameters: object
    ) -> list[Any]:
        """Return the rows of a query that reads or prints names as the session does."""
        with connection.cursor(row_factory=namedtuple_row) as cursor:
            cursor.execute(getattr(self._queries, query).sql, parameters)
            return cursor.fetchall()
