"""A follower of a tenant's revocation feed. It survives restarts of the server."""

import logging
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from math import inf
from time import monotonic
from typing import Final
from uuid import UUID

import psycopg

from authority_queries.engine.calls import AsyncBlock
from authority_queries.errors import (
    FeedRewoundError,
    RetryableError,
    UnavailableError,
)
from authority_queries.records import Revocation
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.arguments import MAX_PAGE_SIZE
from authority_queries.service._async.hints import AsyncHints
from authority_queries.service.waiting import pause_async

_logger: Final = logging.getLogger("authority_queries.feed")
_FULL_PAGE: Final = MAX_PAGE_SIZE - 1  # of new entries
_FIRST_DELAY: Final = 0.1  # seconds
_LONGEST_DELAY: Final = 2.0
_FIRST_LULL: Final = 0.01  # seconds between two reads after hints


class AsyncFollower:
    """Reads a feed in units of work of its tenant. It holds no connection between them.

    `unit` opens a unit in autocommit, in which no wait is longer than `seconds`.
    """

    def __init__(
        self,
        tenant_id: UUID,
        unit: AsyncBlock[AsyncStore],
        hints: AsyncHints,
        *,
        poll_interval: timedelta,
        give_up_after: timedelta | None,
    ) -> None:
        self._tenant_id = tenant_id
        self._unit = unit
        self._hints = hints
        self._poll_interval = poll_interval.total_seconds()
        self._give_up_after = give_up_after
        self._newest: Revocation | None = None  # the last entry that was read

    async def follow(self, position: int) -> AsyncGenerator[Revocation, None]:
        """Yield each entry after this position, once and in order, forever."""
        is_hinted, lull = False, _FIRST_LULL
        try:
            while True:
                begun = since = monotonic()
                start = position
                # Before the read: the next poll would be the first to find an entry
                # that is committed between the read and a later LISTEN.
                await self._hints.listen(self._seconds_left(since))
                is_full = True
                while is_full:
                    entries = await self._read(position, since)
                    for entry in entries:
                        position = entry.sequence
                        self._newest = entry
                        yield entry
                    is_full = len(entries) >= _FULL_PAGE
                    since = monotonic()
                # Every login may NOTIFY, so a hint without an entry may be forged.
                is_forged = is_hinted and position == start
                lull = min(2 * lull, self._poll_interval) if is_forged else _FIRST_LULL
                is_hinted = await self._hints.wait(self._poll_interval)
                if is_hinted:
                    await pause_async(max(0.0, begun + lull - monotonic()))
        finally:
            await self._hints.close()

    def _seconds_left(self, since: float) -> float:
        """Return how many more seconds the server may be silent."""
        if self._give_up_after is None:
            return inf
        return max(0.0, since + self._give_up_after.total_seconds() - monotonic())

    async def _read(self, position: int, since: float) -> Sequence[Revocation]:
        """Read a page. Retry while the database cannot be reached."""
        delay = _FIRST_DELAY
        while True:
            try:
                return await self._read_once(position, self._seconds_left(since))
            except (
                psycopg.OperationalError,
                RetryableError,
                UnavailableError,
            ) as error:
                self._log_or_raise(error, monotonic() - since)
            await pause_async(min(delay, self._seconds_left(since)))
            delay = min(2 * delay, _LONGEST_DELAY)

    async def _read_once(self, position: int, seconds: float) -> Sequence[Revocation]:
        """Read a page. Raise FeedRewoundError if the feed is not the one of before.

        The page begins with the entry that was read last, unless that has expired and
        is pruned: a restored feed gives its number to another entry.
        """
        known = self._newest
        async with self._unit(seconds=seconds) as store:
            page = await store.revocations.list_since(
                tenant_id=self._tenant_id,
                sequence=position if known is None else position - 1,
                page_size=MAX_PAGE_SIZE,
            )
            if known is not None and page and page[0].sequence == position:
                if page[0].created_at != known.created_at:
                    raise _rewound(f"has another entry {position}", position)
                page = page[1:]
            if page:
                return page
            newest = await store.revocations.get_position(tenant_id=self._tenant_id)
        if newest < position:
            raise _rewound(f"ends at {newest}", position)
        return page

    def _log_or_raise(self, error: Exception, seconds: float) -> None:
        """Log the failure of a read. Raise UnavailableError after `give_up_after`."""
        limit = self._give_up_after
        if limit is not None and seconds >= limit.total_seconds():
            message = f"the revocation feed could not be read for {seconds:.1f} s"
            raise UnavailableError(message) from error
        _logger.warning(
            "the revocation feed could not be read for %.1f s: %s",
            seconds,
            type(error).__name__,
        )


def _rewound(found: str, position: int) -> FeedRewoundError:
    message = (
        f"the feed {found}, but this follower has read {position}: the database was "
        "restored or replaced. Keep refusing what you refuse, and follow from 0"
    )
    return FeedRewoundError(message)
