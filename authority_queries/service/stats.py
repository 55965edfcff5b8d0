"""The figures that `Monitor.read` returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The figures of one reading. None in a figure: the login may not see it.

    `failed` has the reason for each query that failed, by the name of its field, which
    is then None or empty. `counts_to` is where counts of rows stop.
    """

    database: DatabaseStats | None
    tables: Sequence[TableStats]
    indexes: Sequence[IndexStats]
    partitions: Sequence[PartitionStats]
    connections: Sequence[ConnectionStats]
    horizons: Sequence[HorizonStats]
    backlogs: Sequence[BacklogStats]
    work: Sequence[WorkStats]
    tenants: Sequence[TenantStats]
    counts_to: int
    taken_at: datetime
    seconds: float
    failed: Mapping[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether no query failed."""
        return not self.failed

    def age(self, since: datetime | None) -> float:
        """Return the seconds from this time to the reading, 0 without a time."""
        if since is None:
            return 0.0
        return max(0.0, (self.taken_at - since).total_seconds())
