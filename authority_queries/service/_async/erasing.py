"""Erases a tenant or a user, one batch at a time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import monotonic
from typing import Final, Protocol

from psycopg.errors import DeadlockDetected, QueryCanceled

from authority_queries.engine.runtime import JsonValue
from authority_queries.records import ErasedTenantRows, ErasedUserRows
from authority_queries.service.erasures import ErasureReport, TableReport
from authority_queries.service.retention import check_batch_size

_MOST_DEADLOCKS: Final = 10


class AsyncEraseBatch(Protocol):
    """Erases one batch of at most `size` rows. Returns None when no row is left."""

    async def __call__(self, size: int, /) -> ErasedTenantRows | ErasedUserRows | None:
        """Execute one statement, which commits."""


class AsyncErasure:
    """One run, with its progress."""

    def __init__(
        self,
        batch: AsyncEraseBatch,
        *,
        batch_size: int,
        progress: Callable[[TableReport], object] | None,
    ) -> None:
        self._batch = batch
        self._size = check_batch_size(batch_size)
        self._progress = progress
        self._tables: dict[str, TableReport] = {}
        self._traces: dict[str, int] = {}
        self._is_complete = False
        self._deadlocks = 0

    async def run(self, is_time_up: Callable[[], bool]) -> ErasureReport:
        """Erase batches until no row is left or the time is up."""
        while not self._is_complete and not is_time_up():
            await self._execute_batch()
        return ErasureReport(
            tables=[*self._tables.values()],
            is_complete=self._is_complete,
            traces=self._traces,
        )

    async def _execute_batch(self) -> None:
        began = monotonic()
        try:
            erased = await self._batch(self._size)
        except QueryCanceled:
            if self._size == 1:
                raise
            self._size = max(1, self._size // 10)
            return
        except DeadlockDetected:
            # A service's open transaction had locked a row that this one deletes.
            self._deadlocks += 1
            if self._deadlocks > _MOST_DEADLOCKS:
                raise
            return
        if erased is None or erased.table_name is None:
            self._finish()
            return
        if isinstance(erased, ErasedUserRows):
            self._note(erased.traces)
        self._add(erased.table_name, erased.erased, monotonic() - began)

    def _add(self, name: str, rows: int, seconds: float) -> None:
        table = self._tables.get(name, TableReport(step=name))
        self._tables[name] = table = replace(
            table,
            rows=table.rows + rows,
            batches=table.batches + 1,
            seconds=table.seconds + seconds,
        )
        if self._progress is not None:
            self._progress(table)

    def _note(self, traces: JsonValue) -> None:
        if isinstance(traces, Mapping):
            self._traces = {
                place: rows for place, rows in traces.items() if isinstance(rows, int)
            }

    def _finish(self) -> None:
        self._is_complete = True
        for name, table in self._tables.items():
            self._tables[name] = replace(table, outcome="done")
            if self._progress is not None:
                self._progress(self._tables[name])
