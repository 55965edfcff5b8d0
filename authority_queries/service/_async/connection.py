"""The psycopg connection of the pool, with a limit for the server's silence."""

from collections.abc import Generator
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg
from psycopg import AsyncConnection, OperationalError
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGconn

from authority_queries.service.positions import NOWHERE, Position

_Result = TypeVar("_Result")
_TICK: Final = 0.1  # seconds between two reads of the clock
_CANCELLING: Final = 1.0  # seconds for the server to receive a cancellation


class AsyncServiceConnection(AsyncConnection[object]):
    """A psycopg connection that closes when its server is silent for too long.

    statement_timeout works only while the server runs and the network delivers. A wait
    of `longest_silence` seconds without a received octet, longer than that timeout,
    raises OperationalError. None means no limit.

    `replayed` is how far the server had replayed its log when it was last asked.
    """

    longest_silence: float | None = None
    replayed: Position = NOWHERE

    async def wait(
        self,
        gen: Generator[Any, Any, _Result],
        interval: float = _TICK,
        timeout: float | None = None,
    ) -> _Result:
        """Wait as psycopg does. An interrupted exchange closes the connection."""
        waited = gen
        if self.longest_silence is not None and timeout is None:
            waited = _limit_silence(gen, self.pgconn, self.longest_silence)
        try:
            # Older versions of psycopg have no timeout, and pass none.
            more = () if timeout is None else (timeout,)
            return await super().wait(waited, interval, *more)
        except psycopg.Error:
            raise
        except BaseException:
            # A cancellation, Ctrl-C, or an exception of a signal handler: psycopg
            # leaves a pipeline half read, and after an Exception a running statement.
            await self._abandon()
            _close_generator(gen)
            raise

    async def cancel_safe(self, *, timeout: float = _CANCELLING) -> None:
        """Cancel the running statement, or close the connection if that fails."""
        try:
            await super().cancel_safe(timeout=min(timeout, _CANCELLING))
        except BaseException:
            self.pgconn.finish()
            raise

    async def _abandon(self) -> None:
        is_pipelined = self.pgconn.pipeline_status != PipelineStatus.OFF
        is_active = self.pgconn.transaction_status == TransactionStatus.ACTIVE
        if not (is_pipelined or is_active):
            return
        try:
            if is_active:
                await self._try_cancel(timeout=_CANCELLING)
        finally:
            await self.close()

    def __del__(self, *_: object) -> None:
        # An interrupt between two instructions lost it: nothing else can close it.
        if hasattr(self, "pgconn"):
            self.pgconn.finish()


def _limit_silence(
    gen: Generator[Any, Any, _Result], pgconn: PGconn, longest_silence: float
) -> Generator[Any, Any, _Result]:
    """Run psycopg's generator. Raise when the socket was not ready for so long."""
    heard = monotonic()
    ready: object = None
    while True:
        try:
            wanted = gen.send(ready)
        except StopIteration as end:
            result: _Result = end.value
            return result
        ready = yield wanted
        if ready:
            heard = monotonic()
        elif monotonic() - heard > longest_silence:
            pgconn.finish()
            _close_generator(gen)
            message = f"the server has not answered for {longest_silence:.1f} s"
            raise OperationalError(message)


def _close_generator(gen: Generator[Any, Any, object]) -> None:
    """Close psycopg's generator here, or it would use its connection when collected."""
    with suppress(psycopg.Error, RuntimeError):
        gen.close()
