"""The rows of entries of another store, written by the owner of the database."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import entries as queries
from authority_queries.records import NamedRow, TenantStatus, UpdatedRow
from authority_queries.repositories._async.repository import AsyncRepository


class AsyncEntries(AsyncRepository):
    """Queries of `queries/entries.sql`, for the owner of the database: `Importer`."""

    async def import_tenant(
        self,
        *,
        new_id: UUID,
        code: str,
        display_name: str,
        status: TenantStatus,
        settings: JsonObject,
        tokens_valid_after: datetime | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
        foreign_tokens_until: datetime | None = None,
        is_complete: bool = False,
    ) -> UUID:
        """Return the id of the tenant with this code. Creates it if there is none.

        `new_id` is the id of a new tenant. It gets the system roles and the standard
        scopes, unless it `is_complete`: its own follow.
        """
        return await queries.import_tenant_async(
            self._connection,
            new_id=new_id,
            code=code,
            display_name=display_name,
            status=status,
            settings=settings,
            tokens_valid_after=tokens_valid_after,
            created_at=created_at,
            updated_at=updated_at,
            foreign_tokens_until=foreign_tokens_until,
            is_complete=is_complete,
        )

    async def find_named(
        self,
        *,
        tenant_id: UUID,
        users: Sequence[str] = (),
        clients: Sequence[str] = (),
        roles: Sequence[str] = (),
        service_accounts: Sequence[str] = (),
    ) -> Sequence[NamedRow]:
        """Find the ids of rows by their natural keys."""
        return await queries.find_named_async(
            self._connection,
            tenant_id=tenant_id,
            users=[*users],
            clients=[*clients],
            roles=[*roles],
            service_accounts=[*service_accounts],
        )

    async def import_rows(
        self,
        *,
        tenant_id: UUID,
        table_name: str,
        columns: Sequence[str],
        key_columns: Sequence[str],
        rows_json: str,
    ) -> int:
        """Insert the rows whose key is not stored, and return how many.

        `rows_json` is an array of objects of these columns. Raises the error of the
        first constraint that a row violates.
        """
        return await queries.import_rows_async(
            self._connection,
            tenant_id=tenant_id,
            table_name=table_name,
            columns=[*columns],
            key_columns=[*key_columns],
            rows_json=rows_json,
        )

    async def import_license_usage(self, *, tenant_id: UUID, rows_json: str) -> int:
        """Insert uses of licences as `import_rows`, and add them to the totals."""
        return await queries.import_license_usage_async(
            self._connection, tenant_id=tenant_id, rows_json=rows_json
        )

    async def find_others(
        self,
        *,
        tenant_id: UUID,
        table_name: str,
        key_columns: Sequence[str],
        fixed: Sequence[str],
        rows_json: str,
    ) -> Sequence[int]:
        """Find the positions, from 1, of rows that are stored with other values."""
        found = await queries.find_others_async(
            self._connection,
            tenant_id=tenant_id,
            table_name=table_name,
            key_columns=[*key_columns],
            fixed=[*fixed],
            rows_json=rows_json,
        )
        return [row.position for row in found]

    async def update_rows(
        self,
        *,
        tenant_id: UUID,
        table_name: str,
        columns: Sequence[str],
        key_columns: Sequence[str],
        fixed: Sequence[str],
        rows_json: str,
    ) -> Sequence[UpdatedRow]:
        """Update stored rows that differ, unless they changed here later.

        Returns the places of the rows that differed, from 1, and whether each was
        updated.
        """
        return await queries.update_rows_async(
            self._connection,
            tenant_id=tenant_id,
            table_name=table_name,
            columns=[*columns],
            key_columns=[*key_columns],
            fixed=[*fixed],
            rows_json=rows_json,
        )

    async def settle(self, *, tenant_id: UUID, table_name: str, rows_json: str) -> bool:
        """Keep what depends on imported rows. Return whether other rows changed."""
        return await queries.settle_async(
            self._connection,
            tenant_id=tenant_id,
            table_name=table_name,
            rows_json=rows_json,
        )

    async def record(self, *, tenant_id: UUID, details: JsonObject) -> UUID:
        """Record the import as an audit event, and return the id of the event."""
        return await queries.record_async(
            self._connection, tenant_id=tenant_id, details=details
        )
