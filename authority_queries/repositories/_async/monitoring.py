"""What a DBA watches: sizes, ages, backlogs and waiting work, of all tenants."""

from collections.abc import Sequence
from datetime import timedelta

from authority_queries.errors import NotFoundError
from authority_queries.queries import monitoring as queries
from authority_queries.records import (
    BacklogStats,
    ConnectionStats,
    DatabaseStats,
    HorizonStats,
    IndexStats,
    PartitionStats,
    TableStats,
    TenantStats,
    WorkStats,
)
from authority_queries.repositories._async.repository import AsyncRepository


class AsyncMonitoring(AsyncRepository):
    """Queries of `queries/monitoring.sql`, for readers: `Monitor`."""

    async def get_database(self) -> DatabaseStats:
        """Return size, age, statistics and settings of the database."""
        found = await queries.get_database_async(self._connection)
        if found is None:
            message = "the database is not in pg_stat_database"
            raise NotFoundError(message)
        return found

    async def list_tables(self) -> Sequence[TableStats]:
        """List the tables, each with its partitions."""
        return await queries.list_tables_async(self._connection)

    async def list_indexes(self) -> Sequence[IndexStats]:
        """List the indexes, each with those of the partitions."""
        return await queries.list_indexes_async(self._connection)

    async def list_partitions(self) -> Sequence[PartitionStats]:
        """List the tables with monthly partitions."""
        return await queries.list_partitions_async(self._connection)

    async def list_connections(self) -> Sequence[ConnectionStats]:
        """List how many sessions each role has, by state.

        The state is None unless the login is a member of pg_read_all_stats.
        """
        return await queries.list_connections_async(self._connection)

    async def list_horizons(self) -> Sequence[HorizonStats]:
        """List what keeps vacuum from removing dead rows.

        Figures of sessions and standbys are None unless the login is a member of
        pg_read_all_stats.
        """
        return await queries.list_horizons_async(self._connection)

    async def list_backlogs(
        self,
        *,
        kept_expired: timedelta,
        kept_consents: timedelta,
        kept_usage: timedelta,
        most: int = 10_000,
    ) -> Sequence[BacklogStats]:
        """List how many rows each step of pruning has left, and since when.

        A step counts at most `most` rows.
        """
        return await queries.list_backlogs_async(
            self._connection,
            kept_expired=kept_expired,
            kept_consents=kept_consents,
            kept_usage=kept_usage,
            most=most,
        )

    async def list_work(
        self, *, recent: timedelta, most: int = 10_000
    ) -> Sequence[WorkStats]:
        """List how much work of each kind waits, and recent sign-ins.

        `recent` is at most an hour. A kind counts at most `most` items.
        """
        return await queries.list_work_async(self._connection, recent=recent, most=most)

    async def list_tenants(self) -> Sequence[TenantStats]:
        """List how many tenants have each status."""
        return await queries.list_tenants_async(self._connection)
