"""The connections that this package makes for itself: no wait on them is endless."""

from collections.abc import Generator
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg
from psycopg import AsyncConnection, OperationalError
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGconn

_Result = TypeVar("_Result")
_TICK: Final = 0.1  # seconds between two looks at the clock
_CANCELLING: Final = 1.0  # seconds for the server to take a cancellation


class AsyncServiceConnection(AsyncConnection[object]):
    """A psycopg connection that is closed when its server has been silent too long.

    PostgreSQL ends a statement that takes too long, but only if it runs and the network
    delivers. So who waits for `patience` seconds without a single octet, longer than
    PostgreSQL's own limit, gets OperationalError. None: for ever.
    """

    patience: float | None = None

    async def wait(
        self,
        gen: Generator[Any, Any, _Result],
        interval: float = _TICK,
        timeout: float | None = None,
    ) -> _Result:
        """Wait as psycopg does, and leave no half of an exchange to the next user."""
        waited = gen
        if self.patience is not None and timeout is None:
            waited = _impatient(gen, self.pgconn, self.patience)
        try:
            # Older versions of psycopg take no timeout, and give none.
            more = () if timeout is None else (timeout,)
            return await super().wait(waited, interval, *more)
        except psycopg.Error:
            raise
        except BaseException:
            # A cancellation, Ctrl-C, or what a signal's handler raised: psycopg leaves
            # a pipeline half read, and at an Exception also a statement that runs.
            await self._abandon()
            _end(gen)
            raise

    async def cancel_safe(self, *, timeout: float = _CANCELLING) -> None:
        """Have the server end what runs; close the connection if it does not hear."""
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
        # Lost by an interrupt between two instructions: nobody can close it any more.
        if hasattr(self, "pgconn"):
            self.pgconn.finish()


def _impatient(
    gen: Generator[Any, Any, _Result], pgconn: PGconn, patience: float
) -> Generator[Any, Any, _Result]:
    """Run psycopg's generator until the socket has not been ready for so long."""
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
        elif monotonic() - heard > patience:
            pgconn.finish()
            _end(gen)
            message = f"the server has not answered for {patience:.1f} s"
            raise OperationalError(message)


def _end(gen: Generator[Any, Any, object]) -> None:
    """Close psycopg's generator, which would go on with its connection, here."""
    with suppress(psycopg.Error, RuntimeError):
        gen.close()
