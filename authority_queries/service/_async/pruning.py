"""Deletes expired data of all tenants, one batch at a time."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Final

import psycopg
from psycopg.errors import QueryCanceled

from authority_queries.errors import (
    AuthorityError,
    PermissionDeniedError,
    ReadOnlyError,
)
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.service._async.pruning_steps import STEPS
from authority_queries.service.retention import (
    PruneReport,
    Retention,
    StepName,
    StepReport,
    check_batch_size,
    check_max_load,
    chosen_steps,
    stop_condition,
)
from authority_queries.service.waiting import pause_async

ROLE: Final = "authority_maintenance"


class AsyncStepRun:
    """One step of one run, with its progress."""

    def __init__(
        self, store: AsyncStore, name: StepName, kept: Retention, size: int
    ) -> None:
        self.report = StepReport(step=name)
        self._store = store
        self._step = STEPS[name]
        self._kept = kept
        self._size = size

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do, or the step has failed."""
        return self.report.outcome != "unfinished"

    async def execute_batch(self) -> None:
        """Execute one batch. An error ends this step, and no other step.

        After statement_timeout the step repeats the batch with a tenth of the rows.
        """
        began = monotonic()
        try:
            rows = await self._step.batch(self._store, self._kept, self._size)
        except (AuthorityError, psycopg.Error) as error:
            self._fail(error, monotonic() - began)
            return
        is_last = rows < self._size or not self._step.is_repeated
        self.report = replace(
            self.report,
            rows=self.report.rows + rows,
            batches=self.report.batches + 1,
            seconds=self.report.seconds + monotonic() - began,
            outcome="done" if is_last else "unfinished",
        )

    def _fail(self, error: Exception, seconds: float) -> None:
        report = replace(self.report, seconds=self.report.seconds + seconds)
        took_too_long = isinstance(error, QueryCanceled)
        if took_too_long and self._step.is_repeated and self._size > 1:
            self._size = max(1, self._size // 10)
            self.report = report
            return
        # PostgreSQL's first line for our statements has no value; DETAIL may have one.
        why = str(error).partition("\n")[0]
        message = f"{why} ({type(error).__name__})"
        self.report = replace(report, outcome="failed", error=message)


async def prune(
    store: AsyncStore,
    *,
    retention: Retention | None = None,
    batch_size: int = 1000,
    time_limit: timedelta | None = None,
    only: Collection[StepName] = (),
    max_load: float = 1.0,
    progress: Callable[[StepReport], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> PruneReport:
    """Prune as `Maintenance.prune` describes, on a connection in autocommit.

    Before the first batch, raises PermissionDeniedError unless the connection's role
    may act as `authority_maintenance`, InvalidArgumentError, and ReadOnlyError.
    """
    is_time_up = stop_condition(time_limit, stop)
    kept, size = retention or Retention(), check_batch_size(batch_size)
    rest = check_max_load(max_load)
    runs = [AsyncStepRun(store, name, kept, size) for name in chosen_steps(only)]
    await _check_server(store)
    # One batch of each step in turn, so that a long step does not delay the others.
    while waiting := [run for run in runs if not run.has_ended]:
        for run in waiting:
            if is_time_up():
                return PruneReport(steps=[run.report for run in runs])
            begun = monotonic()
            await run.execute_batch()
            await pause_async(rest * (monotonic() - begun))
            if progress is not None:
                progress(run.report)
    return PruneReport(steps=[run.report for run in runs])


async def _check_server(store: AsyncStore) -> None:
    server = await store.server.describe()
    if server.is_standby:
        message = "prune: the server is a standby: prune on its primary"
        raise ReadOnlyError(message)
    if ROLE not in server.may_act_as:
        message = (
            f"prune: {server.role_name} is not a member of {ROLE}: log in as a member, "
            "which may prune for all tenants"
        )
        raise PermissionDeniedError(message)
