"""Metrics of tables, indexes, partitions, sessions and the database itself."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from authority_queries.records import (
    HorizonStats,
    IndexStats,
    PartitionStats,
    TableStats,
)
from authority_queries.service.metrics.metric import (
    Metric,
    Sample,
    of_database,
    timestamp,
)
from authority_queries.service.stats import Stats


def _of_table(
    name: str, text: str, value: Callable[[TableStats], float | None]
) -> Metric:
    return Metric(
        name=f"authority_table_{name}",
        help=text,
        labels=("table",),
        values=lambda stats: [((row.name,), value(row)) for row in stats.tables],
    )


def _of_index(
    name: str,
    text: str,
    value: Callable[[IndexStats], float | None],
    kind: Literal["gauge", "counter"] = "gauge",
) -> Metric:
    return Metric(
        name=f"authority_index_{name}",
        help=text,
        kind=kind,
        labels=("table", "index", "unique"),
        values=lambda stats: [
            ((row.table_name, row.name, str(row.is_unique).lower()), value(row))
            for row in stats.indexes
        ],
    )


def _of_partitions(
    name: str, text: str, value: Callable[[PartitionStats], float | None]
) -> Metric:
    return Metric(
        name=f"authority_partition_{name}",
        help=text,
        labels=("table",),
        values=lambda stats: [
            ((row.table_name,), value(row)) for row in stats.partitions
        ],
    )


def _of_horizon(
    name: str,
    text: str,
    value: Callable[[HorizonStats], float | None],
    among: Sequence[str],
) -> Metric:
    return Metric(
        name=f"authority_horizon_{name}",
        help=text,
        labels=("holder",),
        values=lambda stats: [
            ((row.holder,), value(row)) for row in stats.horizons if row.holder in among
        ],
    )


def _changes(stats: Stats) -> Iterable[Sample]:
    for row in stats.tables:
        yield (row.name, "insert"), row.inserted
        yield (row.name, "update"), row.updated - row.updated_in_page
        yield (row.name, "update_in_page"), row.updated_in_page
        yield (row.name, "delete"), row.deleted


def _transactions(stats: Stats) -> Iterable[Sample]:
    if stats.database is not None:
        yield ("committed",), stats.database.commits
        yield ("rolled_back",), stats.database.rollbacks


_SESSIONS: Final = ("transaction", "idle_transaction", "prepared", "standby")
_SNAPSHOTS: Final = (*_SESSIONS, "slot")

STORAGE: Final[Sequence[Metric]] = (
    of_database(
        "authority_database_size_bytes",
        "Size of the database on disk.",
        lambda row: row.size_bytes,
    ),
    of_database(
        "authority_database_xid_age",
        "Age of the oldest transaction id; writes stop at about 2^31.",
        lambda row: row.xid_age,
    ),
    of_database(
        "authority_database_multixact_age",
        "Age of the oldest multixact id; writes stop at about 2^31.",
        lambda row: row.multixact_age,
    ),
    Metric(
        name="authority_database_transactions_total",
        help="Transactions since the statistics were reset.",
        kind="counter",
        labels=("outcome",),
        values=_transactions,
    ),
    of_database(
        "authority_database_deadlocks_total",
        "Deadlocks since the statistics were reset.",
        lambda row: row.deadlocks,
        "counter",
    ),
    of_database(
        "authority_database_temporary_bytes_total",
        "Bytes that queries wrote to temporary files.",
        lambda row: row.temp_bytes,
        "counter",
    ),
    of_database(
        "authority_database_statistics_reset_timestamp_seconds",
        "When the statistics were reset; 0 for never.",
        lambda row: timestamp(row.stats_reset) or 0,
    ),
    of_database(
        "authority_database_is_standby",
        "1 on a standby.",
        lambda row: row.is_standby,
    ),
    _of_table("rows", "Estimated live rows.", lambda row: row.live_rows),
    _of_table("dead_rows", "Estimated dead rows.", lambda row: row.dead_rows),
    _of_table("heap_bytes", "Size of the rows on disk.", lambda row: row.heap_bytes),
    _of_table("index_bytes", "Size of all indexes.", lambda row: row.index_bytes),
    _of_table("size_bytes", "Size with indexes and TOAST.", lambda row: row.size_bytes),
    _of_table("xid_age", "Age of the oldest transaction id.", lambda row: row.xid_age),
    _of_table(
        "last_vacuum_timestamp_seconds",
        "When the table was last vacuumed; 0 for never.",
        lambda row: timestamp(row.last_vacuum) or 0,
    ),
    _of_table(
        "last_analyze_timestamp_seconds",
        "When the table was last analyzed; 0 for never.",
        lambda row: timestamp(row.last_analyze) or 0,
    ),
    Metric(
        name="authority_table_changes_total",
        help="Changed rows since the statistics were reset.",
        kind="counter",
        labels=("table", "operation"),
        values=_changes,
    ),
    _of_index("size_bytes", "Size of the index.", lambda row: row.size_bytes),
    _of_index("scans_total", "Scans of the index.", lambda row: row.scans, "counter"),
    _of_index("is_invalid", "1 if no query may use it.", lambda row: not row.is_valid),
    _of_partitions("count", "Monthly partitions.", lambda row: row.months),
    _of_partitions(
        "months_ahead",
        "Months after this one with a partition, without a gap; -1 if this one has "
        "none.",
        lambda row: row.months_from_now - 1,
    ),
    _of_partitions(
        "oldest_month_timestamp_seconds",
        "When the oldest monthly partition begins; 0 without one.",
        lambda row: timestamp(row.oldest_month) or 0,
    ),
    _of_partitions(
        "default_rows",
        "Estimated rows of months without a partition.",
        lambda row: row.default_rows,
    ),
    _of_partitions(
        "default_bytes",
        "Size of the default partition's rows.",
        lambda row: row.default_bytes,
    ),
    of_database(
        "authority_connections_max",
        "max_connections of the server.",
        lambda row: row.max_connections,
    ),
    Metric(
        name="authority_connections",
        help="Sessions of the database, by the role of their login.",
        labels=("role", "state"),
        values=lambda stats: [
            ((row.role, row.state or "not_visible"), row.sessions)
            for row in stats.connections
        ],
    ),
    _of_horizon(
        "holders",
        "How many there are of what can keep dead rows.",
        lambda row: row.holders,
        _SNAPSHOTS,
    ),
    _of_horizon(
        "age_seconds",
        "How long the longest of them has lasted; of a standby, its replay lag.",
        lambda row: row.age_seconds,
        _SESSIONS,
    ),
    _of_horizon(
        "xid_age",
        "How many transactions ago the oldest snapshot was taken.",
        lambda row: row.xid_age,
        _SNAPSHOTS,
    ),
    _of_horizon(
        "retained_bytes",
        "WAL that the slot furthest behind retains.",
        lambda row: row.retained_bytes,
        ("slot",),
    ),
    of_database(
        "authority_notification_queue_usage_ratio",
        "Used share of the queue of notifications.",
        lambda row: row.notification_queue_usage,
    ),
)
