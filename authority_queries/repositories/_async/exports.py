"""The rows of a tenant or of a user, without secrets."""

from collections.abc import Sequence
from uuid import UUID

from authority_queries.engine.runtime import JsonValue
from authority_queries.names.usernames import lookup_key
from authority_queries.queries import exports as queries
from authority_queries.records import ExportedRow
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_page_size


class AsyncExports(AsyncRepository):
    """Queries of `queries/exports.sql`, for readers: `Exports`."""

    async def begin(self) -> None:
        """Begin a transaction in which all calls see the same rows."""
        await queries.begin_async(self._connection)

    async def find_user(self, *, tenant_id: UUID, username: str) -> UUID | None:
        """Find the id of the user with this name. Returns None for an unknown name."""
        return await queries.find_user_async(
            self._connection, tenant_id=tenant_id, username_key=lookup_key(username)
        )

    async def list_tables(self, *, is_of_user: bool) -> Sequence[str]:
        """List the tables that an export reads, each after those that it references."""
        found = await queries.list_tables_async(self._connection, is_of_user=is_of_user)
        return [table.name for table in found]

    async def list_rows(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID | None = None,
        other_names: Sequence[str] = (),
        table_name: str,
        after: JsonValue = None,
        page_size: int = 1000,
    ) -> Sequence[ExportedRow]:
        """List rows of one table in the order of its primary key, after this key.

        With a `user_id`, only rows that concern the user. `other_names` are former
        names, and other names that rows may have for the user.
        """
        return await queries.list_rows_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            other_names=[*other_names],
            table_name=table_name,
            after=after,
            page_size=check_page_size(page_size),
        )
