"""Inserts the rows of a dump, one batch at a time."""

from collections.abc import AsyncIterable, Callable
from dataclasses import replace
from time import monotonic

from psycopg.errors import StatementTooComplex

from authority_queries.engine.refusals import MAX_SIZE
from authority_queries.errors import InvalidDumpError, SchemaVersionError
from authority_queries.queries import server
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.arguments import MAX_PAGE_SIZE
from authority_queries.service.tenant_dumps import (
    DumpHeader,
    DumpReader,
    LoadReport,
    MoveProgress,
)


class AsyncLoad:
    """One load, in the transaction of its caller."""

    def __init__(
        self, store: AsyncStore, progress: Callable[[MoveProgress], object] | None
    ) -> None:
        self._store = store
        self._progress = progress
        self._reader = DumpReader()
        self._lines: list[str] = []
        self._size = 0
        self._done = MoveProgress(step="")
        self._began = monotonic()

    async def run(self, lines: AsyncIterable[str], feed_ahead: int) -> LoadReport:
        """Insert every row, check the end of the dump, and move the feed ahead."""
        async for line in lines:
            if self._reader.header is None:
                self._reader.read(line)
                await self._check_schema(self._header())
            else:
                await self._take(line)
        self._reader.finish()
        header = self._header()
        if feed_ahead:
            await self._store.tenant_moves.advance_feed(
                tenant_id=header.tenant_id, entries=feed_ahead
            )
        return LoadReport(
            tenant_id=header.tenant_id, code=header.code, tables=self._reader.counts
        )

    async def _take(self, line: str) -> None:
        is_full = len(self._lines) == MAX_PAGE_SIZE or self._size + len(line) > MAX_SIZE
        if is_full or not line.startswith("["):
            await self._flush()
        if self._reader.read(line):
            self._lines.append(line)
            self._size += len(line)
        else:
            self._finish_table()

    async def _flush(self) -> None:
        """Insert the lines that were read. They belong to the present table."""
        if not self._lines:
            return
        try:
            loaded = await self._store.tenant_moves.load_rows(
                tenant_id=self._header().tenant_id,
                table_name=self._reader.table,
                columns=self._reader.columns,
                lines="".join(self._lines),
            )
        except StatementTooComplex:
            message = "the dump is not valid: a row is nested; nothing was loaded"
            raise InvalidDumpError(message) from None
        self._lines, self._size = [], 0
        self._done = replace(
            self._done,
            rows=self._done.rows + loaded,
            batches=self._done.batches + 1,
            seconds=monotonic() - self._began,
        )
        self._report()

    def _finish_table(self) -> None:
        self._done = replace(self._done, outcome="done")
        self._report()
        self._done = MoveProgress(step=self._reader.table)
        self._began = monotonic()

    def _report(self) -> None:
        if self._progress is not None and self._done.rows:
            self._progress(self._done)

    def _header(self) -> DumpHeader:
        if self._reader.header is None:
            message = "the dump is not valid: it has no header; nothing was loaded"
            raise InvalidDumpError(message)
        return self._reader.header

    async def _check_schema(self, header: DumpHeader) -> None:
        schema = await server.get_schema_version_async(self._store.connection)
        if schema.newest != header.schema_version:
            message = (
                f"the dump is of migration {header.schema_version!r}, and the database "
                f"at {schema.newest}: migrate the older database, and dump again"
            )
            raise SchemaVersionError(message)
