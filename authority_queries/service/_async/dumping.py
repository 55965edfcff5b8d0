"""Reads the rows of one tenant, one page at a time, as the lines of a dump."""

from collections.abc import AsyncGenerator, Callable
from time import monotonic

from authority_queries.queries import server
from authority_queries.records import MovedTable, Tenant
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.arguments import MAX_PAGE_SIZE
from authority_queries.service.tenant_dumps import DumpHeader, DumpWriter, MoveProgress


class AsyncDump:
    """One dump, in the transaction of its caller."""

    def __init__(
        self,
        store: AsyncStore,
        tenant: Tenant,
        progress: Callable[[MoveProgress], object] | None,
    ) -> None:
        self._store = store
        self._tenant = tenant
        self._progress = progress
        self._writer = DumpWriter()

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yield the texts that together are the dump. Each has one line or more."""
        schema = await server.get_schema_version_async(self._store.connection)
        header = DumpHeader(
            schema_version=schema.newest,
            tenant_id=self._tenant.id,
            code=self._tenant.code,
        )
        yield self._writer.header(header)
        for table in await self._store.tenant_moves.list_tables():
            columns = [name for name in table.columns if name is not None]
            yield self._writer.table(table.name, columns)
            async for text in self._rows(table):
                yield text
        yield self._writer.end()

    async def _rows(self, table: MovedTable) -> AsyncGenerator[str, None]:
        began, after, rows, batches = monotonic(), None, 0, 0
        is_last = False
        while not is_last:
            page = await self._store.tenant_moves.dump_rows(
                tenant_id=self._tenant.id,
                table_name=table.name,
                after=after,
                page_size=MAX_PAGE_SIZE,
            )
            after, is_last = page.last_key, page.dumped < MAX_PAGE_SIZE
            if page.lines is not None:
                rows, batches = rows + page.dumped, batches + 1
                yield self._writer.rows(page.lines, page.dumped)
            if self._progress is not None and rows:
                self._progress(
                    MoveProgress(
                        step=table.name,
                        rows=rows,
                        batches=batches,
                        seconds=monotonic() - began,
                        outcome="done" if is_last else "unfinished",
                    )
                )
