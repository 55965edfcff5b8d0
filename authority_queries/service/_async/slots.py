"""The pool's slots, one for each connection, and the queue of callers that wait."""

import select
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Final
from weakref import ref

from psycopg.pq import ConnStatus, PipelineStatus, TransactionStatus

from authority_queries.engine._async.unit import unit_of
from authority_queries.errors import ClosedError
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service.waiting import AsyncBell

_NAP: Final = 1.0  # seconds after which a waiter looks again, should a ring be lost
_BAD: Final = ConnStatus.BAD
_IDLE: Final = TransactionStatus.IDLE
_OFF: Final = PipelineStatus.OFF
_MAX_AGE: Final = 3600.0  # seconds: a server's address and password change
_MAX_IDLE: Final = 600.0  # seconds


class AsyncSlot:
    """A place for one connection. Only the caller that holds the slot uses it."""

    def __init__(self) -> None:
        self.connection: AsyncServiceConnection | None = None
        self._made_at = self.idle_since = monotonic()
        self._socket = select.poll()
        self.is_dropped = False

    def fill(self, connection: AsyncServiceConnection) -> None:
        """Store a new connection."""
        self.connection, self._made_at = connection, monotonic()
        self._socket = select.poll()
        self._socket.register(connection.pgconn.socket, select.POLLIN)

    def drop(self) -> None:
        """Close the connection, and free the slot's place for a new slot."""
        self.is_dropped = True
        self.empty()

    def empty(self) -> None:
        """Close the connection, without a wait."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.pgconn.finish()

    @property
    def is_lost(self) -> bool:
        """Whether the server, the network or a silence has ended the connection."""
        return self.connection is not None and self.connection.broken

    @property
    def is_clean(self) -> bool:
        """Whether the next caller can use the connection as it is."""
        connection = self.connection
        return (
            connection is not None
            and connection.autocommit
            and connection.pgconn.transaction_status == _IDLE
            and connection.pgconn.pipeline_status == _OFF
            # psycopg's own state, which may be stale after an interrupt.
            and connection._pipeline is None
            and unit_of(connection) is None
        )

    def is_usable(self, oldest: float) -> bool:
        """Return whether the connection can be used, without a trip.

        A connection older than `oldest` cannot. An idle connection has nothing to read.
        If it has, the server has ended it, or the kernel after unanswered keepalives.
        """
        connection, made_at = self.connection, self._made_at
        return (
            connection is not None
            and connection.pgconn.status != _BAD
            and made_at >= oldest
            and made_at >= monotonic() - _MAX_AGE
            and not self._socket.poll(0)
        )


class _Waiter:
    """A caller in the queue."""

    __slots__ = ("bell", "until")

    def __init__(self, until: float) -> None:
        self.bell = AsyncBell()
        self.until = until


class AsyncSlots:
    """Lends at most `size` slots at a time, in the order of the callers.

    An interrupt at any instruction loses nothing. Only the first caller in the queue
    takes a slot, so no lock is needed. Weak references count the slots, so a slot that
    nothing refers to is free again. A caller that was interrupted before it left the
    queue is removed when its time is over.
    """

    def __init__(self, size: int, kept: int) -> None:
        self._size, self._kept = size, kept
        self._slots: list[ref[AsyncSlot]] = []
        self._idle: list[AsyncSlot] = []
        self._waiting: deque[_Waiter] = deque()
        self._is_closed = False

    def take_idle(self) -> AsyncSlot | None:
        """Return the slot that was released last, or None if `acquire` is needed."""
        if not self._idle or self._waiting:
            return None
        try:
            return self._idle.pop()
        except IndexError:
            return None  # another thread was faster

    async def acquire(self, seconds: float) -> AsyncSlot | None:
        """Return the slot that was released last, or an empty one, or None at timeout.

        Raises ClosedError.
        """
        waiter = _Waiter(monotonic() + seconds)
        try:
            self._waiting.append(waiter)
            while (slot := self._slot_for(waiter)) is None:
                left = waiter.until - monotonic()
                if left <= 0:
                    return None
                await waiter.bell.wait(min(left, _NAP))
            return slot
        finally:
            # The first call here, because an interrupt can come with each call.
            try:  # noqa: SIM105 -- `suppress` is a call
                self._waiting.remove(waiter)
            except ValueError:
                pass
            self._call_next()

    def keep(self, slot: AsyncSlot) -> bool:
        """Take a slot back if the next caller can use its connection.

        Nothing is awaited, so it cannot be cancelled.
        """
        if self._is_closed or not slot.is_clean:
            return False
        slot.idle_since = monotonic()
        self._idle.append(slot)
        self._tidy()
        return True

    def discard(self, slot: AsyncSlot) -> None:
        """Take a slot back, and close its connection."""
        slot.drop()
        self._tidy()

    def _tidy(self) -> None:
        if len(self._idle) > self._kept:
            self._shrink()
        if self._is_closed:
            self.close()
        if self._waiting:
            self._call_next()

    def close(self) -> None:
        """Close idle connections now and lent ones at their release. Refuse waiters."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().drop()
        self._call_next()

    def _slot_for(self, waiter: _Waiter) -> AsyncSlot | None:
        if self._is_closed:
            message = "the pool is closed: use it inside the block of `open()`"
            raise ClosedError(message)
        if self._first() is not waiter:
            return None
        with suppress(IndexError):
            return self._idle.pop()
        if self._count() >= self._size:
            return None
        slot = AsyncSlot()
        self._slots.append(ref(slot))
        return slot

    def _count(self) -> int:
        found = [(slot, slot()) for slot in self._slots]
        self._slots = [slot for slot, alive in found if alive and not alive.is_dropped]
        return len(self._slots)

    def _first(self) -> _Waiter | None:
        late = monotonic() - _NAP
        while True:
            try:
                waiter = self._waiting[0]
                if waiter.until >= late:
                    return waiter
                self._waiting.remove(waiter)
            except ValueError:
                continue  # it has left the queue
            except IndexError:
                return None

    def _call_next(self) -> None:
        waiter = self._first()
        if waiter is not None:
            waiter.bell.ring()

    def _shrink(self) -> None:
        """Close connections that were idle for too long, except those that are kept."""
        late = monotonic() - _MAX_IDLE
        with suppress(IndexError):  # another thread was faster
            while len(self._idle) > self._kept and self._idle[0].idle_since < late:
                self._idle.pop(0).drop()
