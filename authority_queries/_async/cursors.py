"""Cursors that read and send values alike on every connection."""

from psycopg import AsyncCursor, AsyncServerCursor
from psycopg.adapt import AdaptersMap
from psycopg.rows import Row

from authority_queries._loaders import adapters_of


class AsyncOwnCursor(AsyncCursor[Row]):
    """psycopg's plain cursor, whatever factory the connection has."""

    @property
    def adapters(self) -> AdaptersMap:
        """Give what is ours of this connection."""
        return adapters_of(self.connection)


class AsyncOwnServerCursor(AsyncServerCursor[Row]):
    """psycopg's server-side cursor, likewise."""

    @property
    def adapters(self) -> AdaptersMap:
        """Give what is ours of this connection."""
        return adapters_of(self.connection)
