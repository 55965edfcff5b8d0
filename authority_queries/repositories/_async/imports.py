"""Imports of tokens and users of another store."""

from collections.abc import Iterable
from uuid import UUID

from authority_queries.errors import TenantInactiveError
from authority_queries.queries import imports as queries
from authority_queries.repositories._async.importing import AsyncImport
from authority_queries.repositories._async.repository import AsyncRepository, shared_sub
from authority_queries.repositories.row_batches import ImportReport
from authority_queries.repositories.rows import ImportedToken, ImportedUser


class AsyncImports(AsyncRepository):
    """Queries of `queries/imports.sql`. A call sends one statement for each batch."""

    async def import_tokens(
        self,
        *,
        tenant_id: UUID,
        rows: Iterable[ImportedToken],
        batch_size: int = 1000,
    ) -> ImportReport:
        """Store tokens of another store, as `store.tokens.create` does.

        Skips tokens whose hash exists already, so a repeated call creates the others.
        Each batch is one statement. In `authority.tenant(…)` the call stores all rows
        or none. With `autocommit=True` each batch is a transaction, and an error does
        not undo the batches before it. The rows are read one batch at a time. An error
        names the first refused row, counted from 0, and its field:
        `rows[17].client_uuid`. Raises the errors of `create`.
        """

        async def send(rows: str) -> int:
            done = await queries.import_tokens_async(
                self._connection, tenant_id=tenant_id, rows=rows
            )
            if not done.is_active:
                message = "the tenant is not active: nothing can be issued"
                raise TenantInactiveError(message)
            return done.created

        batches = AsyncImport(self._connection, send)
        return await batches.run(rows, ImportedToken, batch_size)

    async def import_users(
        self,
        *,
        tenant_id: UUID,
        rows: Iterable[ImportedUser],
        batch_size: int = 1000,
    ) -> ImportReport:
        """Create users of another system, as `store.users.create` does.

        Skips users whose `subject_id` exists already, and does not change them, so a
        repeated call creates the others. Each batch is one statement. In
        `authority.tenant(…)` the call stores all rows or none. With `autocommit=True`
        each batch is a transaction, and an error does not undo the batches before it.
        The rows are read one batch at a time. An error names the first refused row,
        counted from 0, and its field: `rows[17].username`. Raises the errors of
        `create`.
        """

        async def send(rows: str) -> int:
            done = await queries.import_users_async(
                self._connection, tenant_id=tenant_id, rows=rows
            )
            if done.is_shared:
                raise shared_sub("imports.import_users", "subject_id")
            return done.created

        batches = AsyncImport(self._connection, send)
        return await batches.run(rows, ImportedUser, batch_size)
