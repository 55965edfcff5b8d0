"""Slots for connections, and the line of those who wait for one."""

import select
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Final
from weakref import ref

from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries.engine._async.unit import unit_of
from authority_queries.errors import ClosedError
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service.waiting import AsyncBell

_NAP: Final = 1.0  # seconds, after which a bell that was not heard is missed no more
_MAX_AGE: Final = 3600.0  # seconds: names and passwords of a server change
_MAX_IDLE: Final = 600.0  # seconds


class AsyncSlot:
    """A place for one connection. Whoever holds it is the only one who uses that."""

    def __init__(self) -> None:
        self.connection: AsyncServiceConnection | None = None
        self._made_at = self.idle_since = monotonic()
        self.is_dropped = False

    def fill(self, connection: AsyncServiceConnection) -> None:
        """Put a new connection in."""
        self.connection, self._made_at = connection, monotonic()

    def drop(self) -> None:
        """Close what is in it, and let another one be made in its place."""
        self.is_dropped = True
        self.empty()

    def empty(self) -> None:
        """Close what is in it, without waiting for anything."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.pgconn.finish()

    @property
    def is_lost(self) -> bool:
        """Whether the server, the network or its silence has ended the connection."""
        return self.connection is not None and self.connection.broken

    @property
    def is_clean(self) -> bool:
        """Whether the next user can have the connection as it is."""
        connection = self.connection
        return (
            connection is not None
            and connection.autocommit
            and connection.pgconn.transaction_status == TransactionStatus.IDLE
            and connection.pgconn.pipeline_status == PipelineStatus.OFF
            # psycopg's own view, which an interrupt may leave behind.
            and connection._pipeline is None
            and unit_of(connection) is None
        )

    def is_usable(self, oldest: float) -> bool:
        """Look whether it can be used, without a trip, if it was made after `oldest`.

        An idle connection has nothing to say. One that has was ended by its server, or
        by the kernel, which has sent keepalives in vain.
        """
        if self.connection is None or self.connection.closed:
            return False
        if self._made_at < max(oldest, monotonic() - _MAX_AGE):
            return False
        socket = select.poll()
        socket.register(self.connection.pgconn.socket, select.POLLIN)
        return not socket.poll(0)


class _Waiter:
    """One place in the line."""

    __slots__ = ("bell", "until")

    def __init__(self, until: float) -> None:
        self.bell = AsyncBell()
        self.until = until


class AsyncLine:
    """Lends slots, at most `size` at a time: who came first is served first.

    Nothing here is lost to an interrupt, whichever instruction it comes at. Only the
    first in the line takes, so that no lock is held; a slot that nobody refers to any
    more is free again, because they are counted by weak references; and who was
    interrupted before leaving the line is put out of it when its time is over.
    """

    def __init__(self, size: int, kept: int) -> None:
        self._size, self._kept = size, kept
        self._slots: list[ref[AsyncSlot]] = []
        self._idle: list[AsyncSlot] = []
        self._waiting: deque[_Waiter] = deque()
        self._is_closed = False

    async def take(self, seconds: float) -> AsyncSlot | None:
        """Take the slot that was given back last, or an empty one. None: too late.

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
            # First of all, as an interrupt can come with any call of Python's own.
            try:  # noqa: SIM105 -- `suppress` is a call
                self._waiting.remove(waiter)
            except ValueError:
                pass
            self._call_next()

    def give(self, slot: AsyncSlot) -> None:
        """Take a slot back; nothing is waited for, so nothing can come between."""
        if self._is_closed or not slot.is_clean:
            slot.drop()
        else:
            slot.idle_since = monotonic()
            self._idle.append(slot)
        self._shrink()
        if self._is_closed:
            self.close()
        self._call_next()

    def close(self) -> None:
        """Close what is idle now, what is lent when it comes back, and the line."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().drop()
        self._call_next()

    def _slot_for(self, waiter: _Waiter) -> AsyncSlot | None:
        if self._is_closed:
            message = "it is closed: use it inside the block of `open()`"
            raise ClosedError(message)
        if self._first() is not waiter:
            return None
        if self._idle:
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
                continue  # it has left by itself
            except IndexError:
                return None

    def _call_next(self) -> None:
        waiter = self._first()
        if waiter is not None:
            waiter.bell.ring()

    def _shrink(self) -> None:
        """Close what has not been needed for a while, beyond what is kept."""
        late = monotonic() - _MAX_IDLE
        with suppress(IndexError):  # another thread was faster
            while len(self._idle) > self._kept and self._idle[0].idle_since < late:
                self._idle.pop(0).drop()
