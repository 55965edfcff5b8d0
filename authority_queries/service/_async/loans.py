"""The block in which the pool lends a connection."""

from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import TypeAlias

from authority_queries.engine.calls import AsyncCall
from authority_queries.engine.telemetry import TELEMETRY
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.slots import AsyncSlot

_Taken: TypeAlias = tuple[AsyncSlot, AsyncServiceConnection]


class AsyncLoan:
    """Takes a slot at the block's beginning, and gives it back at its end.

    A class, because `asynccontextmanager` takes as long as the pool itself.
    """

    __slots__ = (
        "_give_back",
        "_is_opening",
        "_name",
        "_seconds",
        "_slot",
        "_take",
        "_taken_at",
    )

    def __init__(
        self,
        take: AsyncCall[_Taken],
        give_back: Callable[[AsyncSlot, BaseException | None], None],
        seconds: float | None,
        *,
        name: str,
        is_opening: bool,
    ) -> None:
        self._take, self._give_back = take, give_back
        self._seconds, self._is_opening = seconds, is_opening
        self._slot: AsyncSlot | None = None
        self._name, self._taken_at = name, 0.0

    async def __aenter__(self) -> AsyncServiceConnection:
        observer = TELEMETRY.observer
        if observer is None:
            return await self._taken()
        with observer.wait(self._name):
            connection = await self._taken()
        self._taken_at = perf_counter()
        return connection

    async def _taken(self) -> AsyncServiceConnection:
        self._slot, connection = await self._take(
            self._seconds, is_opening=self._is_opening
        )
        return connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            self._give_back(slot, error)
        observer = TELEMETRY.observer
        if observer is not None and self._taken_at:
            observer.used(self._name, perf_counter() - self._taken_at)
