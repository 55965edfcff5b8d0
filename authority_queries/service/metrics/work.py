"""Metrics of tenants, the backlog of pruning, waiting work, the schema, the reading."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from authority_queries.records import WorkStats
from authority_queries.service.metrics.metric import (
    Metric,
    Sample,
    of_database,
    timestamp,
)
from authority_queries.service.stats import Stats


def _of_work(
    name: str,
    text: str,
    value: Callable[[Stats, WorkStats], float | None],
    *,
    label: str | None = None,
    of: Sequence[str],
) -> Metric:
    """Return a metric of one kind, or of all kinds that begin with a prefix."""

    def values(stats: Stats) -> Iterable[Sample]:
        for row in stats.work:
            kind = next((kind for kind in of if row.kind.startswith(kind)), None)
            if kind is not None:
                labels = (row.kind.removeprefix(kind),) if label else ()
                yield labels, value(stats, row)

    labels = (label,) if label else ()
    return Metric(name=name, help=text, labels=labels, values=values)


def _items(_: Stats, row: WorkStats) -> float:
    return row.items


def _oldest(stats: Stats, row: WorkStats) -> float:
    return stats.age(row.oldest)


def _published(stats: Stats) -> Iterable[Sample]:
    for row in stats.work:
        if row.kind == "revocations_published":
            yield (), row.items


WORK: Final[Sequence[Metric]] = (
    Metric(
        name="authority_tenants",
        help="Tenants, by status.",
        labels=("status",),
        values=lambda stats: [((row.status,), row.tenants) for row in stats.tenants],
    ),
    Metric(
        name="authority_prune_backlog_rows",
        help="Rows that a step of pruning has left; the count has a limit.",
        labels=("step",),
        values=lambda stats: [
            ((row.prune_step,), row.left_rows) for row in stats.backlogs
        ],
    ),
    Metric(
        name="authority_prune_backlog_age_seconds",
        help="For how long the oldest row of a step is due.",
        labels=("step",),
        values=lambda stats: [
            ((row.prune_step,), stats.age(row.due_since)) for row in stats.backlogs
        ],
    ),
    Metric(
        name="authority_revocations_published_total",
        help="Entries of all feeds ever published.",
        kind="counter",
        values=_published,
    ),
    _of_work(
        "authority_revocations_last_timestamp_seconds",
        "When the newest entry of any feed was published; 0 for never.",
        lambda _, row: timestamp(row.latest) or 0,
        of=("revocations_published",),
    ),
    _of_work(
        "authority_revocation_feeds_behind",
        "Tenants that cannot publish: an entry has a higher number than the feed.",
        _items,
        of=("feeds_behind",),
    ),
    _of_work(
        "authority_logout_notices",
        "Logout notices, by state; the count has a limit.",
        _items,
        label="state",
        of=("notices_",),
    ),
    _of_work(
        "authority_logout_notices_due_age_seconds",
        "For how long the oldest counted notice has been due.",
        _oldest,
        of=("notices_due",),
    ),
    _of_work(
        "authority_login_throttles_refusing",
        "Buckets that refused a sign-in recently; the count has a limit.",
        _items,
        of=("throttles_refusing",),
    ),
    _of_work(
        "authority_login_attempts_recent",
        "Recent sign-ins in the log, by outcome; the count has a limit.",
        _items,
        label="outcome",
        of=("sign_ins_",),
    ),
    _of_work(
        "authority_audit_events_unsealed",
        "Audit events that are not linked to a chain; the count has a limit.",
        _items,
        of=("events_unsealed",),
    ),
    _of_work(
        "authority_audit_events_unsealed_age_seconds",
        "Age of the oldest audit event that is not linked to a chain.",
        _oldest,
        of=("events_unsealed",),
    ),
    _of_work(
        "authority_signing_keys",
        "Signing keys of all tenants, by state.",
        _items,
        label="state",
        of=("keys_",),
    ),
    _of_work(
        "authority_signing_keys_oldest_age_seconds",
        "For how long the oldest key of the state has signed, or has been ready to.",
        _oldest,
        label="state",
        of=("keys_",),
    ),
    Metric(
        name="authority_schema_info",
        help="1, with the newest applied migration.",
        labels=("version",),
        values=lambda stats: (
            [((stats.database.schema_version,), 1)] if stats.database else []
        ),
    ),
    Metric(
        name="authority_migration_lock_age_seconds",
        help="For how long yoyo's lock has been held; 0 if it is free.",
        values=lambda stats: (
            [((), stats.age(stats.database.locked_since))] if stats.database else []
        ),
    ),
    of_database(
        "authority_stats_sees_all_sessions",
        "1 if the login may see the transactions of other sessions.",
        lambda row: row.sees_all_sessions,
    ),
    Metric(
        name="authority_stats_count_limit",
        help="Where counts with a limit stop.",
        values=lambda stats: [((), stats.counts_to)],
    ),
    Metric(
        name="authority_stats_failed_queries",
        help="Queries of this reading that failed.",
        values=lambda stats: [((), len(stats.failed))],
    ),
    Metric(
        name="authority_stats_duration_seconds",
        help="How long the reading took.",
        values=lambda stats: [((), stats.seconds)],
    ),
    Metric(
        name="authority_stats_timestamp_seconds",
        help="When the figures were read.",
        values=lambda stats: [((), stats.taken_at.timestamp())],
    ),
)
