"""Cursors that read and send values alike on every connection."""

from psycopg import AsyncCursor, AsyncServerCursor
from psycopg.abc import Params, PQGen, Query
from psycopg.adapt import AdaptersMap
from psycopg.rows import Row

from authority_queries.engine._async.pipelines import buffer_commands
from authority_queries.engine.loaders import adapters_of


class AsyncOwnCursor(AsyncCursor[Row]):
    """psycopg's plain cursor, whatever factory the connection has."""

    @property
    def adapters(self) -> AdaptersMap:
        """Give what is ours of this connection."""
        return adapters_of(self.connection)


class AsyncQueueingCursor(AsyncOwnCursor[Row]):
    """One whose statement leaves with the next one's, or with the pipeline's end.

    psycopg sends each at once, for which both sides pay: a trip is then several sends,
    and each of them wakes the server. Outside of a pipeline it does as psycopg does.
    """

    def _execute_gen(
        self,
        query: Query,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> PQGen[None]:
        opened = self._conn._pipeline
        if opened is None:
            plain = super()._execute_gen(query, params, prepare=prepare, binary=binary)
            yield from plain
            return
        yield from self._start_query(query)
        pgq = self._convert_query(query, params)
        yield from self._maybe_prepare_gen(pgq, prepare=prepare, binary=binary)
        yield from self._conn._prepared.maintain_gen(self._conn)
        buffer_commands(opened)


class AsyncOwnServerCursor(AsyncServerCursor[Row]):
    """psycopg's server-side cursor, likewise."""

    @property
    def adapters(self) -> AdaptersMap:
        """Give what is ours of this connection."""
        return adapters_of(self.connection)
