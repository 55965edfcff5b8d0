"""Queries of the system catalogue, from an SQL file beside the module that asks."""

from pathlib import Path
from typing import Any

import aiosql
import psycopg
from aiosql.queries import Queries
from psycopg.rows import namedtuple_row


class CatalogueFile:
    """A file of such queries.

    Rows are named tuples without types: these queries describe, they are not
    described.
    """

    def __init__(self, path: Path) -> None:
        self._queries: Queries = aiosql.from_path(path, "psycopg", encoding="utf-8")

    def rows(
        self, connection: psycopg.Connection[object], query: str, **parameters: object
    ) -> list[Any]:
        """Give the rows of a query."""
        with connection.cursor(row_factory=namedtuple_row) as cursor:
            cursor.execute(getattr(self._queries, query).sql, parameters)
            return cursor.fetchall()
