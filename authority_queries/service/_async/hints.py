"""Hints that a tenant has published, on a connection of their own."""

import logging
from contextlib import aclosing
from math import inf
from random import random
from time import monotonic
from typing import Final
from uuid import UUID

import psycopg

from authority_queries.engine._async.pooler_detection import look
from authority_queries.engine.calls import AsyncCall
from authority_queries.queries.revocations import listen_async
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service.waiting import pause_async

_logger: Final = logging.getLogger("authority_queries.feed")
_FIRST_DELAY: Final = 0.1  # seconds
_LONGEST_DELAY: Final = 30.0


class AsyncHints:
    """Shortens the wait for a tenant's next publication, and does nothing else.

    Without its connection it waits as long as it is told. A lost connection is made
    again, after a delay that doubles each time that it does not last. With `enabled`
    false, and through a pooler, it has none.

    Nothing is asked of the connection after LISTEN: whoever waits for an answer there
    does not poll.
    """

    def __init__(
        self,
        connect: AsyncCall[AsyncServiceConnection],
        tenant_id: UUID,
        *,
        enabled: bool,
    ) -> None:
        self._make = connect
        self._payload = str(tenant_id)
        self._connection: AsyncServiceConnection | None = None
        self._delay = _FIRST_DELAY
        self._not_before = monotonic() if enabled else inf

    async def listen(self, seconds: float) -> None:
        """Hear from now on what is published, if a connection can be had in time.

        What is read after it was either there, or is hinted at.
        """
        if self._connection is not None or monotonic() < self._not_before:
            return
        try:
            self._connection = await self._connect(seconds)
            self._connection.patience = seconds
            if await look(self._connection):
                await listen_async(self._connection)
            else:
                await self._renounce()
        except psycopg.Error as error:
            await self._lose(error)

    async def wait(self, seconds: float) -> bool:
        """Wait for the tenant's next hint, but no longer; tell whether it came."""
        if self._connection is None:
            until_next_try = max(0.0, self._not_before - monotonic())
            await pause_async(min(seconds, until_next_try))
            return False
        try:
            is_hinted = await self._hear(self._connection, seconds)
            self._delay = _FIRST_DELAY
        except psycopg.Error as error:
            await self._lose(error)
            return False
        return is_hinted

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connect(self, seconds: float) -> AsyncServiceConnection:
        try:
            return await self._make(seconds)
        except psycopg.Error:
            raise
        except BaseException as error:
            # A cancellation or Ctrl-C: psycopg's frames would keep the half-open
            # connection for as long as somebody keeps the traceback.
            raise error.with_traceback(None)  # noqa: B904 -- it is the same error

    async def _hear(self, connection: AsyncServiceConnection, seconds: float) -> bool:
        async with aclosing(connection.notifies(timeout=seconds)) as notifications:
            async for notification in notifications:
                if notification.payload == self._payload:
                    return True
        return False

    async def _renounce(self) -> None:
        """Listen no more: a pooler would leave LISTEN on a connection of everybody."""
        await self.close()
        self._not_before = inf
        _logger.warning("no hints of revocations through a pooler, only polling")

    async def _lose(self, error: psycopg.Error) -> None:
        await self.close()
        # At random, so that followers do not all come back at once.
        delay = self._delay * (1 + random())  # noqa: S311 -- it is no secret
        self._not_before = monotonic() + delay
        self._delay = min(2 * self._delay, _LONGEST_DELAY)
        _logger.warning(
            "no hints of revocations for %.1f s, only polling: %s",
            delay,
            type(error).__name__,
        )
