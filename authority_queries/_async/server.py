"""The server itself, for `authority doctor`."""

from collections.abc import Sequence

from authority_queries._async.adapter import load_queries
from authority_queries._async.repository import AsyncRepository
from authority_queries.records import AppliedMigration, ServerDescription


class AsyncServer(AsyncRepository):
    """Queries of `queries/server.sql`."""

    _queries = load_queries("server")

    async def describe(self) -> ServerDescription:
        """Tell version, role, privileges and clock."""
        return await self._first(ServerDescription, "describe")

    async def list_applied_migrations(self) -> Sequence[AppliedMigration]:
        """List what yoyo has marked as applied, in the order in which it did."""
        return await self._all(AppliedMigration, "list_applied_migrations")
