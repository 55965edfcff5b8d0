"""The entry point of exports: the rows of one tenant or user, without secrets."""

from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar, Final
from uuid import UUID

from authority_queries.queries import tenants
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.arguments import MAX_PAGE_SIZE, check_tenant_id
from authority_queries.service._async.pooled import AsyncPooled
from authority_queries.service.exports import ExportedLine

_NO_NAMES: Final[Sequence[str]] = ()


class AsyncExporter(AsyncPooled):
    """Reads all rows of a tenant or of a user: GDPR articles 15 and 20.

    Its role cannot read hashes and payloads: docs/tenant_isolation.md. A tenant can be
    exported whatever its status.
    """

    role: ClassVar[str] = "authority_reader"

    async def export_tenant(
        self, tenant_id: UUID
    ) -> AsyncGenerator[ExportedLine, None]:
        """Yield every row of the tenant, each after the rows that it references.

        All rows are of one moment. The generator holds a connection and a transaction
        until it ends: close it (`aclosing`). It reads a thousand rows at a time.

        Raises UnavailableError, PermissionDeniedError, InvalidArgumentError.
        """
        async for line in self._export(tenant_id, None, _NO_NAMES):
            yield line

    async def export_user(
        self, tenant_id: UUID, user_id: UUID, *, other_names: Sequence[str] = ()
    ) -> AsyncGenerator[ExportedLine, None]:
        """Yield every row of the tenant that is about the user, as `export_tenant`.

        `other_names` are former usernames, and other names by which rows may call the
        user, as for `Maintenance.erase_user`. Rows of others that only mention the user
        are not exported.
        """
        async for line in self._export(tenant_id, user_id, other_names):
            yield line

    async def find_tenant(self, code: str) -> UUID | None:
        """Return the id of the tenant with this code, whatever its status, or None."""
        async with self._lend() as connection:
            return await tenants.find_async(connection, code=code)

    async def find_user(self, tenant_id: UUID, username: str) -> UUID | None:
        """Return the id of the user with this name, or None."""
        async with self._lend() as connection, AsyncStore.lent(connection) as store:
            return await store.exports.find_user(tenant_id=tenant_id, username=username)

    async def _export(
        self, tenant_id: UUID, user_id: UUID | None, other_names: Sequence[str]
    ) -> AsyncGenerator[ExportedLine, None]:
        check_tenant_id(tenant_id)
        async with self._lend() as connection, AsyncStore.lent(connection) as store:
            await store.exports.begin()
            try:
                tables = await store.exports.list_tables(is_of_user=user_id is not None)
                for table in tables:
                    rows = _rows(store, tenant_id, user_id, other_names, table)
                    async for line in rows:
                        yield line
            finally:
                await connection.rollback()


async def _rows(
    store: AsyncStore,
    tenant_id: UUID,
    user_id: UUID | None,
    other_names: Sequence[str],
    table: str,
) -> AsyncGenerator[ExportedLine, None]:
    after = None
    while True:
        page = await store.exports.list_rows(
            tenant_id=tenant_id,
            user_id=user_id,
            other_names=other_names,
            table_name=table,
            after=after,
            page_size=MAX_PAGE_SIZE,
        )
        for row in page:
            yield ExportedLine.of(table, row.exported)
        if len(page) < MAX_PAGE_SIZE:
            return
        after = page[-1].key
