"""Tries a migration again that did not get its locks."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final, TypeVar

import psycopg
from psycopg import errors as sqlstate

from authority_queries.service.migration_books import read_book, safe_conninfo
from authority_queries.service.migration_reports import (
    MigrationProgress,
    ProgressCallback,
)
from authority_queries.service.waiting import pause

_T = TypeVar("_T")
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_POLL: Final = 0.4


class Blockers:
    """Remembers which sessions the running migration has waited for.

    A thread asks, in a session of its own, because a session that waits cannot.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = safe_conninfo(conninfo)
        self._over = threading.Event()
        self._seen: list[str] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Ask during the block."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def take(self) -> list[str]:
        """Return the sessions that were last seen, and forget them."""
        seen, self._seen = self._seen, []
        return seen

    def _watch(self) -> None:
        if self._over.wait(_POLL):
            return  # a short run needs no session
        try:
            with psycopg.connect(self._conninfo, autocommit=True) as connection:
                while not self._over.is_set():
                    rows = connection.execute(read_book("blockers")).fetchall()
                    self._seen = [who for (who,) in rows] or self._seen
                    self._over.wait(_POLL)
        except psycopg.Error:
            return  # the migration reports what is wrong with the server


def retrying(
    attempt: Callable[[], _T],
    *,
    migration: str,
    seconds: float,
    blockers: Blockers,
    progress: ProgressCallback,
) -> _T:
    """Call `attempt` again after lock timeouts and deadlocks, for `seconds`.

    The pauses double, so that other sessions work in between. Raises the last error,
    with a note that names the sessions in the way.
    """
    end = monotonic() + seconds
    longest = _FIRST_PAUSE
    while True:
        blockers.take()
        try:
            return attempt()
        except (sqlstate.LockNotAvailable, sqlstate.DeadlockDetected) as error:
            holders = "; ".join(blockers.take())
            why = _why(error) + (f", held by {holders}" if holders else "")
            wait = longest * random.uniform(0.5, 1)  # noqa: S311 -- no secret
            if monotonic() + wait > end:
                if holders:
                    error.add_note(f"the lock is held by {holders}")
                raise
            progress(
                MigrationProgress(
                    outcome="retrying", migration=migration, seconds=wait, why=why
                )
            )
            pause(wait)
            longest = min(2 * longest, _LONGEST_PAUSE)


def _why(error: psycopg.Error) -> str:
    if isinstance(error, sqlstate.DeadlockDetected):
        return "a deadlock"
    return "a lock was not available in time"
