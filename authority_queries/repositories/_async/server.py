"""The server itself, for `authority doctor`."""

from authority_queries.errors import NotFoundError
from authority_queries.queries import server as queries
from authority_queries.records import ServerDescription
from authority_queries.repositories._async.repository import AsyncRepository


class AsyncServer(AsyncRepository):
    """Queries of `queries/server.sql`."""

    async def describe(self) -> ServerDescription:
        """Return version, role, privileges and clock."""
        description = await queries.describe_async(self._connection)
        if description is None:
            message = "the role of the connection is not in pg_roles"
            raise NotFoundError(message)
        return description
