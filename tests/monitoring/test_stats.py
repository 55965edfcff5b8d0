"""Each figure is 0 in an empty database, and what was planted afterwards."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries import Retention, Stats
from authority_queries.cli import main
from authority_queries.service.metrics import METRICS, prometheus_text
from authority_queries.service.migrations import yoyo_url
from tests.monitoring.conftest import Watched
from tests.monitoring.planting import DUE, STEPS, planted

Capture: TypeAlias = pytest.CaptureFixture[str]
Samples: TypeAlias = Mapping[tuple[str, str], float]
# Figures that are never 0, and figures that are 0 here.
NEVER_0 = {
    "authority_connections",
    "authority_connections_max",
    "authority_database_size_bytes",
    "authority_database_transactions_total",
    "authority_database_xid_age",
    "authority_index_size_bytes",
    "authority_partition_months_ahead",  # -1 without a partition of this month
    "authority_schema_info",
    "authority_stats_count_limit",
    "authority_stats_duration_seconds",
    "authority_stats_timestamp_seconds",
    "authority_table_index_bytes",
    "authority_table_size_bytes",
    "authority_table_xid_age",
}
ALWAYS_0 = {
    "authority_database_is_standby",  # another test reads a standby
    "authority_stats_failed_queries",  # another test lets a query fail
}

_DROP_MONTHS = """
do $$
declare
    child regclass;
begin
    for child in
        select oid from pg_class
        where
            relispartition and relkind = 'r'
            and pg_get_expr(relpartbound, oid) <> 'DEFAULT'
    loop
        execute format('drop table %s', child);
    end loop;
end
$$
"""


@dataclass(frozen=True, kw_only=True)
class Readings:
    """An empty database, and the planted one for both kinds of login."""

    empty: Stats
    full: Stats
    as_reader: Stats


@pytest.fixture(scope="module")
def readings(watched: Watched) -> Iterator[Readings]:
    watched.dba.execute(_DROP_MONTHS)
    empty = watched.read(watched.logins.reader)
    watched.dba.execute("select authority.create_login_attempt_partitions(3)")
    watched.dba.execute("select authority.create_audit_event_partitions(1)")
    with planted(watched):
        yield Readings(
            empty=empty,
            full=watched.read(),
            as_reader=watched.read(watched.logins.reader),
        )


def samples(stats: Stats) -> Samples:
    """Return the figures of the text for Prometheus, by name and labels."""
    found = {}
    for family in text_string_to_metric_families(prometheus_text(stats)):
        for name, labels, value, *_ in family.samples:
            found[name, ",".join(labels.values())] = value
    return found


def test_each_metric_is_seen_at_zero_and_not(readings: Readings) -> None:
    before, after = samples(readings.empty), samples(readings.full)
    names = {metric.name for metric in METRICS}
    assert names == {name for name, _ in before} == {name for name, _ in after}
    assert names - {name for (name, _), value in before.items() if not value} == NEVER_0
    assert names - {name for (name, _), value in after.items() if value} == ALWAYS_0


def test_what_was_planted_is_counted(readings: Readings) -> None:
    found = samples(readings.full)
    backlog = {row.prune_step: row.left_rows for row in readings.full.backlogs}
    assert backlog == dict.fromkeys(STEPS, DUE)
    assert all(
        86000 < found["authority_prune_backlog_age_seconds", step] < 400000
        for step in STEPS
    )
    expected = {
        ("authority_tenants", "active"): 2,
        ("authority_revocations_published_total", ""): 1,
        ("authority_revocation_feeds_behind", ""): 1,
        ("authority_tenants", "suspended"): 1,
        ("authority_logout_notices", "waiting"): 2 + 1 - 1,
        ("authority_logout_notices", "due"): 1,
        ("authority_logout_notices", "expired"): DUE,
        ("authority_logout_notices", "given_up"): 1,
        ("authority_login_throttles_refusing", ""): 1,
        ("authority_login_attempts_recent", "succeeded"): 1,
        ("authority_login_attempts_recent", "failed"): 2,
        ("authority_login_attempts_recent", "throttled"): 1,
        ("authority_signing_keys", "signing"): 1,
        ("authority_signing_keys", "next"): 1,
        ("authority_partition_months_ahead", "login_attempts"): 3,
        ("authority_partition_months_ahead", "audit_events"): 1,
        ("authority_partition_default_rows", "login_attempts"): 1,
        ("authority_index_is_invalid", "roles_tenant_id_name_key,roles,true"): 1,
        ("authority_horizon_holders", "prepared"): 1,
        ("authority_horizon_holders", "slot"): 1,
        ("authority_horizon_holders", "idle_transaction"): 3,
        ("authority_database_deadlocks_total", ""): 1,
    }
    assert {key: found[key] for key in expected} == expected
    assert 3600 <= found["authority_migration_lock_age_seconds", ""] < 3700
    assert 3600 <= found["authority_signing_keys_oldest_age_seconds", "signing"] < 3700


def test_a_login_without_the_right_sees_that_it_does_not_see(
    readings: Readings,
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    found = samples(readings.as_reader)
    assert ("authority_horizon_holders", "transaction") not in found
    assert ("authority_horizon_holders", "prepared") in found
    assert found["authority_connections", "superuser,not_visible"] > 0
    assert found["authority_stats_sees_all_sessions", ""] == 0
    assert samples(readings.full)["authority_stats_sees_all_sessions", ""] == 1
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(watched.logins.reader))
    assert main(["stats"]) == 0
    (line,) = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("transaction ")
    ]
    assert line.count("not visible") == 3


def test_no_figure_names_a_tenant(
    readings: Readings,
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    named = [
        str(value)
        for row in watched.dba.execute(
            "select id, code from authority.tenants union "
            "select id, username from authority.users union "
            "select id, client_id from authority.clients"
        ).fetchall()
        for value in row
        if str(value) not in {"trial", "suspended", "terminated"}
    ]
    assert len(named) > 20
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(watched.watcher))
    for kind in ("text", "json", "prometheus"):
        assert main(["stats", "--format", kind]) == 0
        printed = capsys.readouterr().out
        assert [name for name in named if name in printed] == []


def test_the_number_of_samples_does_not_depend_on_the_rows(readings: Readings) -> None:
    # Except for connections, which have one for each role and state, and the holders.
    both = [
        {key for key in samples(stats) if "connections" not in key[0]}
        for stats in (readings.empty, readings.as_reader)
    ]
    assert both[0] == both[1]
    assert len(both[0]) < 1200


def test_json_has_every_figure(
    readings: Readings,
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(watched.watcher))
    assert main(["stats", "--format", "json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {row["prune_step"]: row["left_rows"] for row in figures["backlogs"]} == (
        dict.fromkeys(STEPS, DUE)
    )
    assert figures["database"]["schema_version"] == (
        readings.full.database and readings.full.database.schema_version
    )
    assert figures["failed"] == {}


def test_counts_stop_at_the_limit_and_rows_are_kept(
    readings: Readings, watched: Watched
) -> None:
    counts = {
        row.prune_step: row.left_rows for row in watched.read(counts_to=2).backlogs
    }
    assert counts == dict.fromkeys(STEPS, 2)
    kept = Retention(
        expired=timedelta(days=9),
        consents=timedelta(days=500),
        usage=timedelta(days=500),
    )
    backlogs = watched.read(retention=kept).backlogs
    left = {row.prune_step for row in backlogs if row.left_rows}
    assert left == {"used_jtis", "login_throttles"}


def test_a_query_that_fails_is_named(
    readings: Readings,
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    function = "function authority.watch_work(interval, bigint)"
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(watched.logins.reader))
    watched.dba.execute(f"revoke execute on {function} from authority_reader".encode())
    try:
        assert main(["stats", "--format", "prometheus"]) == 1
    finally:
        watched.dba.execute(f"grant execute on {function} to authority_reader".encode())
    captured = capsys.readouterr()
    assert "authority_stats_failed_queries 1.0" in captured.out
    assert "authority_prune_backlog_rows{" in captured.out
    assert "authority_login_attempts_recent" not in captured.out
    assert captured.err.startswith("authority: work: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--timeout", "0"], "--timeout must be 0.001 to 3600 seconds, not 0.0"),
        (["--keep-expired", "-1"], "--keep-expired must be 0 to 36525 days, not -1.0"),
    ],
)
def test_wrong_use_is_refused(capsys: Capture, arguments: list[str], said: str) -> None:
    assert main(["stats", *arguments]) == 2
    assert capsys.readouterr().err == f"authority: {said}\n"


def test_a_login_without_the_role_is_refused(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", yoyo_url(watched.logins.app))
    assert main(["stats"]) == 1
    assert "backlogs: " in capsys.readouterr().err


def test_a_standby_is_seen_and_can_be_read(watched: Watched) -> None:
    standby = watched.cluster.standby()
    standby.start("-F", "-c", "max_prepared_transactions=2")
    try:
        host = {"host": conninfo_to_dict(standby.conninfo)["host"]}
        on_standby = samples(
            watched.read(
                make_conninfo(watched.watcher, **host, target_session_attrs="any")
            )
        )
        on_primary = samples(watched.read())
    finally:
        standby.stop()
    assert on_standby["authority_database_is_standby", ""] == 1
    assert on_standby["authority_stats_failed_queries", ""] == 0
    assert on_primary["authority_horizon_holders", "standby"] == 1
