"""The server itself, for `authority doctor` and for readers of a standby."""

from authority_queries.errors import NotFoundError
from authority_queries.queries import server as queries
from authority_queries.records import Replay, ServerDescription
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_lsn


class AsyncServer(AsyncRepository):
    """Queries of `queries/server.sql`."""

    async def describe(self) -> ServerDescription:
        """Return version, role, privileges and clock."""
        description = await queries.describe_async(self._connection)
        if description is None:
            message = "the role of the connection is not in pg_roles"
            raise NotFoundError(message)
        return description

    async def get_lsn(self) -> str:
        """Return where the log ends: after all commits, on a standby after the replay.

        A transaction commits behind the LSN that was read inside it.
        """
        return await queries.get_lsn_async(self._connection)

    async def get_replay(self, *, lsn: str) -> Replay:
        """Return how far the log goes, and whether it has reached this LSN."""
        return await queries.get_replay_async(
            self._connection, lsn=check_lsn("lsn", lsn)
        )
