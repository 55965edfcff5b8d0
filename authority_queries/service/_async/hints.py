"""Notifications that a tenant has published, on a connection of their own."""

import logging
from collections.abc import Callable
from contextlib import aclosing
from math import inf
from random import random
from time import monotonic
from typing import Final

import psycopg

from authority_queries.engine._async.pooler_detection import look
from authority_queries.engine.calls import AsyncCall
from authority_queries.errors import ReadOnlyError
from authority_queries.queries.revocations import listen_async
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service.waiting import pause_async

_logger: Final = logging.getLogger("authority_queries.feed")
_FIRST_DELAY: Final = 0.1  # seconds
_LONGEST_DELAY: Final = 30.0


class AsyncHints:
    """Ends the follower's wait for the next poll when a tenant notifies.

    `is_awaited` decides by the notification's payload, the tenant's id.

    Without a connection `wait` lasts as long as its argument. A lost connection is
    opened again, after a delay that doubles with each failure. With `enabled` false,
    and through a pooler, there is no connection.

    No statement is sent on the connection after LISTEN: a follower that waited for an
    answer there would not poll.
    """

    def __init__(
        self,
        connect: AsyncCall[AsyncServiceConnection],
        is_awaited: Callable[[str], bool],
        *,
        enabled: bool,
    ) -> None:
        self._open = connect
        self._is_awaited = is_awaited
        self._connection: AsyncServiceConnection | None = None
        self._delay = _FIRST_DELAY
        self._not_before = monotonic() if enabled else inf

    async def listen(self, seconds: float) -> None:
        """Connect and LISTEN, unless that takes longer than `seconds`.

        An entry that is committed later causes a hint; a read after this call returns
        all earlier entries.
        """
        if self._connection is not None or monotonic() < self._not_before:
            return
        try:
            self._connection = await self._connect(seconds)
            self._connection.longest_silence = seconds
            if await look(self._connection):
                await listen_async(self._connection)
            else:
                await self._disable()
        except (psycopg.Error, ReadOnlyError) as error:  # a standby refuses LISTEN
            await self._retry_later(error)

    async def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for the next hint. Return whether it came."""
        if self._connection is None:
            until_next_try = max(0.0, self._not_before - monotonic())
            await pause_async(min(seconds, until_next_try))
            return False
        try:
            is_hinted = await self._await_notification(self._connection, seconds)
            self._delay = _FIRST_DELAY
        except psycopg.Error as error:
            await self._retry_later(error)
            return False
        return is_hinted

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connect(self, seconds: float) -> AsyncServiceConnection:
        try:
            return await self._open(seconds)
        except psycopg.Error:
            raise
        except BaseException as error:
            # A cancellation or Ctrl-C: psycopg's frames in the traceback would keep the
            # half-open connection alive.
            raise error.with_traceback(None)  # noqa: B904 -- it is the same error

    async def _await_notification(
        self, connection: AsyncServiceConnection, seconds: float
    ) -> bool:
        async with aclosing(connection.notifies(timeout=seconds)) as notifications:
            async for notification in notifications:
                if self._is_awaited(notification.payload):
                    return True
        return False

    async def _disable(self) -> None:
        """Stop listening: through a pooler LISTEN would stay on a shared connection."""
        await self.close()
        self._not_before = inf
        _logger.warning(
            "no notifications of revocations through a pooler; polling only"
        )

    async def _retry_later(self, error: Exception) -> None:
        await self.close()
        # A random delay, so that followers do not all reconnect at once.
        delay = self._delay * (1 + random())  # noqa: S311 -- not a secret
        self._not_before = monotonic() + delay
        self._delay = min(2 * self._delay, _LONGEST_DELAY)
        _logger.warning(
            "no notifications of revocations for %.1f s; polling only: %s",
            delay,
            type(error).__name__,
        )
