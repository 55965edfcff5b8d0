"""Changes the rows of all tenants in batches, as the owner: `authority backfill`.

Row-level security is forced on the owner: an update without a tenant changes no row,
and PostgreSQL reports no error. So each batch belongs to one tenant.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final
from uuid import UUID

import psycopg
from aiosql.types import SQLOperationType
from psycopg import RawCursor
from psycopg import errors as sqlstate

from authority_queries.engine.driver_errors import hide_values
from authority_queries.engine.sql_text import processed
from authority_queries.errors import BackfillError
from authority_queries.resources import BACKFILL
from authority_queries.service.backfill_reports import BackfillReport, Pace
from authority_queries.service.migration_books import safe_conninfo

_ATTEMPTS: Final = 10
_LONGEST_DELAY: Final = 5.0  # seconds
_MAY_PASS: Final = (
    sqlstate.LockNotAvailable,
    sqlstate.DeadlockDetected,
    sqlstate.SerializationFailure,
)
_EXPLAIN: Final = b"explain (verbose, format json) "
_Rows = Sequence[tuple[Any, ...]]


class Backfill:
    """A statement of a file that changes at most `:batch_size` rows of `:tenant_id`.

    It returns the key of each row that it changed. It must not match a row that it has
    changed: this is what lets a run continue where a killed one ended. `:after` is the
    greatest first column that the tenant's previous batch returned, null in its first.
    """

    def __init__(self, file: Path) -> None:
        self.name = file.stem
        sql = file.read_text(encoding="utf-8").rstrip().removesuffix(";")
        label = f"backfill.{self.name}"
        self._text = processed(label, SQLOperationType.SELECT, sql)
        self._has_position = "%(after)s" in self._text

    def run(
        self,
        conninfo: str,
        pace: Pace,
        *,
        progress: Callable[[BackfillReport], object] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> BackfillReport:
        """Change the rows of each tenant in turn, each batch in its own transaction.

        When `stop` returns true, no batch begins. A second run continues. Raises
        BackfillError, psycopg.Error; earlier batches are committed.
        """
        begun, report = monotonic(), BackfillReport()
        with _opened(conninfo, pace) as session:
            tenants = [tenant for (tenant,) in _ask(session, "tenants")]
            session.commit()
            report.all = len(tenants)
            for tenant in tenants[:1]:
                self._check(session, tenant, pace)
            for tenant in tenants:
                for rows in self._batches(session, tenant, pace, report):
                    report.rows += len(rows)
                    report.batches += 1
                    report.seconds = monotonic() - begun
                    if progress is not None:
                        progress(report)
                    if stop is not None and stop():
                        return report
                    sleep(pace.pause)
                report.tenants += 1
        report.seconds = monotonic() - begun
        return report

    def _batches(
        self,
        session: "psycopg.Connection[Any]",
        tenant: UUID,
        pace: Pace,
        report: BackfillReport,
    ) -> Iterator[_Rows]:
        """Yield the keys of each batch of a tenant, until one is empty.

        With `:after` the last batch begins at the first row again, because older
        releases may have written behind it.
        """
        first: set[tuple[Any, ...]] = set()
        before = first
        after: object = None
        while True:
            rows = self._batch(session, tenant, after, pace, report)
            if not rows and after is None:
                return
            if not rows:
                before, after = first, None
                continue
            if not before.isdisjoint(rows):
                message = (
                    f"{self.name}: the statement matches rows that it has changed, so "
                    "it would never end: exclude them in its where"
                )
                raise BackfillError(message)
            yield rows
            first, before = first or {*rows}, {*rows}
            after = max(row[0] for row in rows) if self._has_position else None

    def _batch(
        self,
        session: "psycopg.Connection[Any]",
        tenant: UUID,
        after: object,
        pace: Pace,
        report: BackfillReport,
    ) -> _Rows:
        """Change a batch and commit. Try again while other transactions hold locks."""
        for attempt in range(_ATTEMPTS):
            try:
                with session.transaction():
                    return self._execute(session, tenant, after, pace)
            except _MAY_PASS as error:
                failed = error
                report.retries += 1
                sleep(min(_LONGEST_DELAY, 0.1 * 2**attempt) * (1 + random.random()))  # noqa: S311 -- not a secret
        message = (
            f"{self.name}: tenant {tenant}: {type(failed).__name__}, {_ATTEMPTS} "
            "times; earlier batches are committed: run it again"
        )
        raise BackfillError(message) from failed

    def _execute(
        self,
        session: "psycopg.Connection[Any]",
        tenant: UUID,
        after: object,
        pace: Pace,
    ) -> _Rows:
        _ask(session, "enter", tenant)
        values = {"tenant_id": tenant, "batch_size": pace.batch_size, "after": after}
        rows = session.execute(self._text.encode(), values).fetchall()
        fault = None
        if len(rows) > pace.batch_size:
            fault = f"{len(rows)} rows, and :batch_size is {pace.batch_size}"
        elif _ask(session, "entered") != [(str(tenant),)]:
            fault = "the setting authority.tenant_id"
        if fault is not None:
            message = (
                f"{self.name}: the statement changed {fault}; the batch was rolled back"
            )
            raise BackfillError(message)
        return rows

    def _check(
        self, session: "psycopg.Connection[Any]", tenant: UUID, pace: Pace
    ) -> None:
        """Refuse a statement that is not bounded. Raises BackfillError."""
        for name in ("tenant_id", "batch_size"):
            if f"%({name})s" not in self._text:
                message = f"{self.name}: the statement must use :{name}"
                raise BackfillError(message)
        values = {"tenant_id": tenant, "batch_size": pace.batch_size, "after": None}
        try:
            with session.transaction(force_rollback=True):
                text = self._text.encode()
                _ask(session, "enter", tenant)
                [(plans,)] = session.execute(_EXPLAIN + text, values).fetchall()
                nodes = [*_nodes(plans[0]["Plan"])]
                self._check_plan(session, nodes)
        except psycopg.ProgrammingError as error:
            hide_values(error)
            message = f"{self.name}: {error}"
            raise BackfillError(message) from error

    def _check_plan(
        self, session: "psycopg.Connection[Any]", nodes: Sequence[dict[str, Any]]
    ) -> None:
        changed = [
            f"{node['Schema']}.{node['Relation Name']}"
            for node in nodes
            if node["Node Type"] == "ModifyTable"
        ]
        message = None
        if len(changed) != 1:
            message = "the statement must have one insert, update or delete"
        elif not nodes[0].get("Output"):
            message = "the statement must return the keys of the rows: add `returning`"
        elif not any(node["Node Type"] == "Limit" for node in nodes):
            message = "the statement must select its rows with `limit :batch_size`"
        elif open_tables := _ask(session, "unprotected", changed):
            message = f"the rows of {open_tables[0][0]} belong to no tenant"
        if message is not None:
            message = f"{self.name}: {message}"
            raise BackfillError(message)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _opened(conninfo: str, pace: Pace) -> "psycopg.Connection[Any]":
    """Connect, and act as the owner. Raises BackfillError."""
    session = psycopg.connect(safe_conninfo(conninfo), prepare_threshold=None)
    try:
        limits = [f"{pace.lock_timeout:.3f}s", f"{pace.statement_timeout:.3f}s"]
        _ask(session, "begin", *limits)
        session.commit()
    except sqlstate.InsufficientPrivilege as error:
        session.close()
        message = "the login must own the database: it may not be pg_database_owner"
        raise BackfillError(message) from error
    return session


def _ask(session: "psycopg.Connection[Any]", name: str, *values: object) -> _Rows:
    query = (BACKFILL / f"{name}.sql").read_bytes()
    with RawCursor(session) as cursor:
        rows: _Rows = cursor.execute(query, values).fetchall()
        return rows
