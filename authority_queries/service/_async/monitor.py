"""The entry point of monitoring: figures of the database and of all tenants."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import ClassVar, Final, TypeVar

import psycopg
from psycopg.errors import QueryCanceled

from authority_queries.engine.calls import AsyncCall
from authority_queries.errors import AuthorityError, UnavailableError
from authority_queries.records import DatabaseStats
from authority_queries.repositories._async.monitoring import AsyncMonitoring
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.arguments import check_within
from authority_queries.service._async.pooled import AsyncPooled
from authority_queries.service.retention import Retention
from authority_queries.service.stats import Stats

_FIVE_MINUTES: Final = timedelta(minutes=5)
_MOST: Final = 1_000_000

Row = TypeVar("Row")


class AsyncMonitor(AsyncPooled):
    """Reads what a DBA watches. No figure names a tenant, a user or a client.

    The login is a member of authority_reader. Its connections keep the login's own
    rights: as a member of pg_read_all_stats too, it sees the transactions of others.
    """

    role: ClassVar[str] = "none"

    async def read(
        self,
        *,
        retention: Retention | None = None,
        recent: timedelta = _FIVE_MINUTES,
        counts_to: int = 10_000,
    ) -> Stats:
        """Read all figures, one query after the other, on one connection.

        `retention` is that of your runs of `prune`: rows that it keeps are no backlog.
        `recent` is the time of which sign-ins and throttles are counted, at most an
        hour. Counts of rows stop at `counts_to`. AUTHORITY_STATEMENT_TIMEOUT limits
        each query. A query that fails is in `failed` of the result.

        Raises UnavailableError, InvalidArgumentError.
        """
        check_within("counts_to", counts_to, 1, _MOST)
        async with self._lend() as connection, AsyncStore.lent(connection) as store:
            reading = AsyncReading(store.monitoring)
            return await reading.run(retention or Retention(), recent, counts_to)


class AsyncReading:
    """One reading, with the reasons of the queries that failed."""

    def __init__(self, queries: AsyncMonitoring) -> None:
        self._queries = queries
        self._failed: dict[str, str] = {}

    async def run(self, kept: Retention, recent: timedelta, most: int) -> Stats:
        began, queries = monotonic(), self._queries
        databases = await self._rows("database", self._database)
        database = databases[0] if databases else None
        return Stats(
            database=database,
            tables=await self._rows("tables", queries.list_tables),
            indexes=await self._rows("indexes", queries.list_indexes),
            partitions=await self._rows("partitions", queries.list_partitions),
            connections=await self._rows("connections", queries.list_connections),
            horizons=await self._rows("horizons", queries.list_horizons),
            backlogs=await self._rows(
                "backlogs",
                lambda: queries.list_backlogs(
                    kept_expired=kept.expired,
                    kept_consents=kept.consents,
                    kept_usage=kept.usage,
                    most=most,
                ),
            ),
            work=await self._rows(
                "work", lambda: queries.list_work(recent=recent, most=most)
            ),
            tenants=await self._rows("tenants", queries.list_tenants),
            counts_to=most,
            taken_at=database.taken_at if database else datetime.now(UTC),
            seconds=monotonic() - began,
            failed=self._failed,
        )

    async def _database(self) -> Sequence[DatabaseStats]:
        return [await self._queries.get_database()]

    async def _rows(self, name: str, query: AsyncCall[Sequence[Row]]) -> Sequence[Row]:
        """Return the rows of a query, or none if it fails."""
        try:
            return await query()
        except (AuthorityError, psycopg.Error) as error:
            # PostgreSQL's first line for our statements has no value.
            why = str(error).partition("\n")[0]
            is_lost = isinstance(error, UnavailableError | psycopg.OperationalError)
            if is_lost and not isinstance(error, QueryCanceled):
                raise
            self._failed[name] = f"{why} ({type(error).__name__})"
            return []
