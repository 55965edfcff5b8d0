"""Counts the blocks that a page of a list reads."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import psycopg

from authority_queries import Store
from authority_queries.repositories.values import Page
from benchmarks.list_calls import ListCall

# Blocks of tables and of indexes that the transaction has read, from memory or not.
_BLOCKS: Final = (
    "select sum(pg_stat_get_xact_blocks_fetched(oid))::bigint from pg_class"
    " where relnamespace = 'authority'::regnamespace"
)


def bound_to(
    store: Store, call: ListCall, row: int, rows: int, *, page_size: int
) -> Callable[[], Page[Any]]:
    """Return a function that reads the page after this row."""
    method: Callable[..., Page[Any]] = attrgetter(call.method)(store)
    arguments = call.arguments(row, rows)
    return lambda: method(**arguments, page_size=page_size)


def blocks_of(
    connection: psycopg.Connection[Any], page: Callable[[], Page[Any]]
) -> int:
    """Return how many blocks of the schema the page reads."""
    page()  # The first call plans, which reads indexes too.
    with connection.transaction():
        before = _read(connection)
        page()
        return _read(connection) - before


def _read(connection: psycopg.Connection[Any]) -> int:
    found = connection.execute(_BLOCKS).fetchone()
    return int(found[0]) if found else 0
