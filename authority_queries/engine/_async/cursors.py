"""Cursors that convert values the same way on every connection."""

from psycopg import AsyncCursor, AsyncServerCursor
from psycopg.abc import Params, PQGen, Query
from psycopg.adapt import AdaptersMap
from psycopg.rows import Row

from authority_queries.engine._async.pipelines import buffer_commands
from authority_queries.engine.loaders import adapters_of


class AsyncOwnCursor(AsyncCursor[Row]):
    """psycopg's cursor with our adapters, whatever factory the connection has."""

    @property
    def adapters(self) -> AdaptersMap:
        """Return our adapters for this connection."""
        return adapters_of(self.connection)


class AsyncQueueingCursor(AsyncOwnCursor[Row]):
    """A cursor that queues its statement in an open pipeline.

    The next statement or the pipeline's end sends it. psycopg sends each statement at
    once: one trip is then several packets, and each of them wakes the server. Outside a
    pipeline the cursor behaves as psycopg's.
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
    """psycopg's server-side cursor with our adapters."""

    @property
    def adapters(self) -> AdaptersMap:
        """Return our adapters for this connection."""
        return adapters_of(self.connection)
