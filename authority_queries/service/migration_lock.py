"""Takes yoyo's lock: waits for another run, and releases the lock of a dead one.

The rule is in docs/decisions/0053-a-dead-runs-lock-is-released.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Protocol

import psycopg
import yoyo.exceptions
from psycopg import errors as sqlstate
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from authority_queries.engine.driver_errors import hide_values
from authority_queries.errors import MigrationError
from authority_queries.service.migration_books import read_book, safe_conninfo
from authority_queries.service.migration_reports import (
    MigrationProgress,
    ProgressCallback,
)

# Seconds for which yoyo tries to take its lock before each look at its holder.
_ROUND: Final = 1.0


class LockBackend(Protocol):
    """The methods of yoyo's backend that are used here. yoyo publishes no types."""

    connection: psycopg.Connection[Any]

    def lock(self, timeout: float = ...) -> AbstractContextManager[None]:
        """Hold the lock during the block."""


@dataclass(frozen=True, slots=True)
class _Lock:
    contents: str
    session: dict[str, object] | None
    is_logged: bool
    holder: str


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that may hold yoyo's lock."""

    kind: str
    pid: int
    description: str


@dataclass(frozen=True, slots=True)
class Sight:
    """Yoyo's lock and the sessions that may hold it, at one moment."""

    contents: str
    run: str
    session: Mapping[str, object] | None
    holders: Sequence[Holder]

    @property
    def is_direct(self) -> bool:
        """Whether the session that took the lock certainly belonged to no pooler."""
        return self.session is not None and self.session.get("is_direct") is True

    @property
    def live(self) -> Holder | None:
        """The session that proves that the run is alive."""
        for holder in self.holders:
            if holder.kind == "migration" or (
                holder.kind == "holder" and self.is_direct
            ):
                return holder
        return None

    def shows_death_after(self, earlier: "Sight | None") -> bool:
        """Return whether two looks at the same lock prove that its run is dead."""
        return (
            earlier is not None
            and earlier.contents == self.contents
            and earlier.is_gone
            and self.is_gone
            and not earlier._transactions & self._transactions
        )

    @property
    def is_gone(self) -> bool:
        """Whether the session that took the lock has ended, and no migration runs."""
        return self.is_direct and not any(
            holder.kind in {"holder", "migration"} for holder in self.holders
        )

    @property
    def _transactions(self) -> set[int]:
        return {each.pid for each in self.holders if each.kind == "transaction"}

    @property
    def verdict(self) -> str:
        """Whether the run is alive, as far as one look can decide."""
        if self.live is not None:
            return f"alive: {self.live.description}"
        return "dead: `authority migrate` releases it" if self.is_gone else "unsure"

    def describe(self) -> str:
        """Return who holds the lock, or who may hold it."""
        if self.live is not None:
            return f"another run holds yoyo's lock: {self.live.description}"
        who = "; ".join(holder.description for holder in self.holders)
        if self.is_gone:
            left = f"yoyo's lock was left by a run whose session has ended, {self.run}"
            return f"{left}, but its migration may go on in {who}" if who else left
        doubt = (
            "its session may belong to a pooler"
            if self.session
            else "it did not record its session"
        )
        return (
            f"another run may hold yoyo's lock, {self.run}. Nothing proves that it has "
            f"ended, because {doubt}. It could be {who or 'a client of a pooler'}"
        )


def look(connection: psycopg.Connection[Any], mine: int = 0) -> Sight | None:
    """Return who may hold yoyo's lock, or None if nobody has it.

    `connection` must be in autocommit and have search_path = pg_catalog. `mine` is the
    process of a session that does not count. Raises psycopg.Error.
    """
    with connection.cursor(row_factory=class_row(_Lock)) as cursor:
        lock = cursor.execute(read_book("lock")).fetchone()
    if lock is None:
        return None
    session = lock.session
    if session is None and lock.is_logged:
        first = connection.execute(read_book("first_session")).fetchone()
        session = None if first is None else first[0]
    with psycopg.RawCursor(connection, row_factory=class_row(Holder)) as cursor:
        arguments = [Jsonb(session or {}), mine]
        holders = cursor.execute(read_book("holders"), arguments).fetchall()
    return Sight(lock.contents, lock.holder, session, holders)


@contextmanager
def holding_lock(
    backend: LockBackend, conninfo: str, wait: float, progress: ProgressCallback
) -> Iterator[None]:
    """Hold yoyo's lock during the block.

    Raises MigrationError if another run holds the lock for longer than `wait` seconds.
    Each look at it takes a second.
    """
    end = monotonic() + wait
    earlier: Sight | None = None
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(backend.lock(timeout=_ROUND))
                break
            except yoyo.exceptions.LockTimeout as error:
                _refuse_other_causes(error)
                now = _look_again(backend, conninfo, earlier, progress)
                # A second look may prove that the run is dead.
                looks_dead = earlier is None and now is not None and now.is_gone
                if now is not None and monotonic() >= end and not looks_dead:
                    raise MigrationError(_explain(now)) from error
                earlier = now
        yield


def _refuse_other_causes(error: yoyo.exceptions.LockTimeout) -> None:
    """Raise MigrationError for errors that yoyo mistakes for another run's lock."""
    why = error.__context__
    if isinstance(why, psycopg.Error) and not isinstance(why, sqlstate.UniqueViolation):
        hide_values(why)
        message = f"yoyo cannot take its lock: {why}"
        raise MigrationError(message) from error


def _look_again(
    backend: LockBackend,
    conninfo: str,
    earlier: Sight | None,
    progress: ProgressCallback,
) -> Sight | None:
    """Look at the lock, and release it if its run is dead. None: try again at once."""
    with psycopg.connect(safe_conninfo(conninfo), autocommit=True) as connection:
        now = look(connection, backend.connection.info.backend_pid)
        if now is None:
            return None
        if now.shows_death_after(earlier) and release(connection, now):
            progress(MigrationProgress(outcome="released", why=now.run))
            return None
    if earlier is None or earlier.contents != now.contents:
        progress(MigrationProgress(outcome="waiting", why=now.describe()))
    return now


def release(connection: psycopg.Connection[Any], sight: Sight) -> bool:
    """Remove this lock and no other, and not that of a live session of its own.

    Returns whether it was removed. Raises psycopg.Error.
    """
    session = sight.session or {}
    arguments = [
        sight.contents,
        session.get("pid"),
        session.get("started"),
        sight.is_direct,
    ]
    with psycopg.RawCursor(connection) as cursor:
        return cursor.execute(read_book("release"), arguments).rowcount == 1


def break_lock(conninfo: str) -> None:
    """Remove yoyo's lock, unless the session that holds it is alive.

    Raises MigrationError, psycopg.Error.
    """
    with psycopg.connect(safe_conninfo(conninfo), autocommit=True) as connection:
        sight = look(connection)
        if sight is None:
            return
        if sight.live is not None:
            raise MigrationError(_explain(sight))
        release(connection, sight)


def _explain(sight: Sight) -> str:
    if sight.live is not None:
        return (
            f"{sight.describe()}. Wait for it. If its machine is lost, run "
            f"select pg_terminate_backend({sight.live.pid})"
        )
    return (
        f"{sight.describe()}. If none of them migrates, run "
        "`authority migrate --break-lock`"
    )
