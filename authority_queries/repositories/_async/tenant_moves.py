"""The rows of a tenant with all secrets, out of one database and into another."""

from collections.abc import Sequence
from uuid import UUID

from authority_queries.engine.runtime import JsonValue
from authority_queries.queries import tenant_moves as queries
from authority_queries.records import (
    DumpedRows,
    ExportedEntries,
    MeasuredRows,
    MovedTable,
    MovedTenant,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_page_size


class AsyncTenantMoves(AsyncRepository):
    """Queries of `queries/tenant_moves.sql`, for the owner of the database: `Mover`."""

    async def hold(self, *, tenant_id: UUID) -> bool:
        """Suspend a tenant without an entry of the feed. Returns False if it was."""
        return await queries.hold_async(self._connection, tenant_id=tenant_id)

    async def list_open_units(self, *, tenant_id: UUID) -> Sequence[str]:
        """List the transactions that may have begun before the tenant was suspended.

        Raises TenantActiveError.
        """
        found = await queries.list_open_units_async(
            self._connection, tenant_id=tenant_id
        )
        return [one.unit for one in found]

    async def list_tables(self) -> Sequence[MovedTable]:
        """List the tables of a dump, each after those that it references."""
        return await queries.list_tables_async(self._connection)

    async def dump_rows(
        self,
        *,
        tenant_id: UUID,
        table_name: str,
        after: JsonValue = None,
        page_size: int = 1000,
    ) -> DumpedRows:
        """Return the next rows of one table as lines, after this key."""
        return await queries.dump_rows_async(
            self._connection,
            tenant_id=tenant_id,
            table_name=table_name,
            after=after,
            page_size=check_page_size(page_size),
        )

    async def load_rows(
        self, *, tenant_id: UUID, table_name: str, columns: Sequence[str], lines: str
    ) -> int:
        """Insert rows from lines of `dump_rows`, and return how many.

        Raises PermissionDeniedError for a row of another tenant, DuplicateError for a
        tenant whose id or code is taken, InvalidArgumentError for unknown columns.
        """
        return await queries.load_rows_async(
            self._connection,
            tenant_id=tenant_id,
            table_name=table_name,
            columns=[*columns],
            lines=lines,
        )

    async def advance_feed(self, *, tenant_id: UUID, entries: int) -> int:
        """Skip numbers of the tenant's feed, and return the newest number."""
        return await queries.advance_feed_async(
            self._connection, tenant_id=tenant_id, entries=entries
        )

    async def list_tenants(
        self, *, after: str = "", page_size: int = 1000
    ) -> Sequence[MovedTenant]:
        """List tenants in order of code, starting after this code."""
        return await queries.list_tenants_async(
            self._connection, after=after, page_size=check_page_size(page_size)
        )

    async def export_entries(
        self,
        *,
        tenant_id: UUID,
        table_name: str,
        kind: str,
        after: JsonValue = None,
        page_size: int = 1000,
    ) -> ExportedEntries:
        """Return the next rows of one table as entries of this kind, after this key."""
        return await queries.export_entries_async(
            self._connection,
            tenant_id=tenant_id,
            table_name=table_name,
            kind=kind,
            after=after,
            page_size=check_page_size(page_size),
        )

    async def measure_rows(self, *, tenant_id: UUID, table_name: str) -> MeasuredRows:
        """Return how many rows a tenant has in a table, and when the last expires."""
        return await queries.measure_rows_async(
            self._connection, tenant_id=tenant_id, table_name=table_name
        )
