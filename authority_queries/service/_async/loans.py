"""The block in which the pool lends a connection."""

from time import perf_counter
from types import TracebackType
from typing import Protocol, TypeAlias

from authority_queries.engine.telemetry import TELEMETRY
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.slots import AsyncSlot

_Taken: TypeAlias = tuple[AsyncSlot, AsyncServiceConnection]


class AsyncLender(Protocol):
    """A pool, which lends the connections of its slots."""

    @property
    def role(self) -> str:
        """The role of the connections."""

    async def take(self, seconds: float | None, *, is_opening: bool) -> _Taken:
        """Take a slot with a connection, which `give_back` returns."""

    def give_back(self, slot: AsyncSlot, error: BaseException | None) -> None:
        """Return a slot. The error of its block shows what the connection is worth."""


class AsyncLoan:
    """Takes a slot at the block's beginning, and gives it back at its end.

    A class, because `asynccontextmanager` takes as long as the pool itself.
    """

    __slots__ = ("_is_opening", "_lender", "_seconds", "_slot", "_taken_at")

    def __init__(
        self, lender: AsyncLender, seconds: float | None, *, is_opening: bool
    ) -> None:
        self._lender, self._seconds, self._is_opening = lender, seconds, is_opening
        self._slot: AsyncSlot | None = None
        self._taken_at = 0.0

    async def __aenter__(self) -> AsyncServiceConnection:
        lender, seconds, is_opening = self._lender, self._seconds, self._is_opening
        observer = TELEMETRY.observer
        if observer is None:
            self._slot, connection = await lender.take(seconds, is_opening=is_opening)
            return connection
        with observer.wait(lender.role):
            self._slot, connection = await lender.take(seconds, is_opening=is_opening)
        self._taken_at = perf_counter()
        return connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            self._lender.give_back(slot, error)
        observer = TELEMETRY.observer
        if observer is not None and self._taken_at:
            observer.used(self._lender.role, perf_counter() - self._taken_at)
