"""The server itself, for `authority doctor`."""

from authority_queries._async.adapter import load_queries
from authority_queries._async.repository import AsyncRepository
from authority_queries.records import ServerDescription


class AsyncServer(AsyncRepository):
    """Queries of `queries/server.sql`."""

    _queries = load_queries("server")

    async def describe(self) -> ServerDescription:
        """Tell version, role, privileges and clock."""
        return await self._first(ServerDescription, "describe")
