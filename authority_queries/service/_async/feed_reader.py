"""Reads the feeds of a verifier's tenants, in a task or a thread beside its callers."""

import logging
from collections.abc import Sequence
from time import monotonic
from typing import Final
from uuid import UUID

import psycopg

from authority_queries.engine.calls import AsyncBlock, AsyncCall
from authority_queries.errors import (
    AuthorityError,
    ClosedError,
    TenantInactiveError,
)
from authority_queries.queries import revocations
from authority_queries.records import FeedHead, Revocation
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.arguments import MAX_PAGE_SIZE
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.hints import AsyncHints
from authority_queries.service.caching.cache import TokenCache
from authority_queries.service.caching.clock import elapsed
from authority_queries.service.caching.feeds import Feed
from authority_queries.service.waiting import AsyncBell

_logger: Final = logging.getLogger("authority_queries.feed")
_TICK: Final = 0.25  # seconds until a thread notices that it is to end
_FIRST_DELAY: Final = 0.1  # seconds
_LONGEST_DELAY: Final = 2.0
_FIRST_LULL: Final = 0.01  # seconds between two reads after hints


class AsyncFeedReader:
    """Keeps the answers of a cache in step with the feeds of their tenants.

    One statement reads where all feeds end. Only a feed that has grown is read.
    """

    def __init__(
        self,
        cache: TokenCache,
        *,
        lend: AsyncBlock[AsyncServiceConnection],
        unit: AsyncBlock[AsyncStore],
        connect: AsyncCall[AsyncServiceConnection],
        listen: bool,
    ) -> None:
        self.cache = cache
        self._lend, self._unit, self._connect = lend, unit, connect
        self._listen = listen
        self._interval = cache.limits.poll_interval
        self._patience = max(1.0, self._interval)  # for each silence of the server
        self._hinted: set[UUID] = set()
        self._bell = AsyncBell()

    def stop(self) -> None:
        """Make `run` return soon, after the cache was closed."""
        self._bell.ring()

    async def begin(self, tenant_id: UUID) -> None:
        """Follow the feed of a tenant from its end, if the tenant is active."""
        began = elapsed()
        for head in await self._heads([tenant_id]):
            self.cache.follow(head, began)

    async def run(self) -> None:
        """Read until the cache is closed, or has no feeds."""
        hints = AsyncHints(self._connect, self._is_followed, enabled=self._listen)
        self._bell = AsyncBell()
        has_ended, delay = False, _FIRST_DELAY
        try:
            while not (self.cache.is_closed or has_ended):
                try:
                    await self._turn(hints)
                    delay = _FIRST_DELAY
                except ClosedError:
                    return
                except (psycopg.Error, AuthorityError) as error:
                    self._warn(error)
                    await self._bell.wait(delay)
                    delay = min(2 * delay, _LONGEST_DELAY)
                self.cache.sweep()
                has_ended = self.cache.end_reading(if_idle=True)
        finally:
            if not has_ended:
                self.cache.end_reading()
            await hints.close()

    async def _turn(self, hints: AsyncHints) -> None:
        """Read all feeds, and then those of the hints until the next turn is due."""
        due = monotonic() + self._interval
        # Before the read: see AsyncFollower.
        await hints.listen(self._patience)
        await self._read(list(self.cache.feeds))
        lull = _FIRST_LULL
        while (left := due - monotonic()) > 0 and not self.cache.is_closed:
            if not await hints.wait(min(left, _TICK)):
                await hints.listen(self._patience)
                continue
            await self._bell.wait(max(0.0, min(lull, due - monotonic())))
            hinted, self._hinted = self._hinted, set()
            # Every login may NOTIFY, so a hint without an entry may be forged.
            is_forged = not await self._read(list(hinted))
            lull = min(2 * lull, self._interval) if is_forged else _FIRST_LULL

    async def _read(self, tenant_ids: Sequence[UUID]) -> bool:
        """Read these tenants' feeds to their ends. Return whether one has grown."""
        began = elapsed()
        heads = {head.tenant_id: head for head in await self._heads(tenant_ids)}
        feeds = [self.cache.feeds.get(tenant_id) for tenant_id in tenant_ids]
        grown: list[tuple[Feed, FeedHead]] = []
        for feed in filter(None, feeds):
            head = heads.get(feed.tenant_id)
            if head is None:
                self.cache.unfollow(feed)
            elif (head.last_sequence, head.published_at) == (feed.position, feed.stamp):
                self.cache.advance(feed, [], head, began)
            else:
                grown.append((feed, head))
        for feed, head in grown:
            await self._catch_up(feed, head, began)
        return bool(grown)

    async def _heads(self, tenant_ids: Sequence[UUID]) -> Sequence[FeedHead]:
        if not tenant_ids:
            return []
        async with self._lend(self._patience) as connection:
            return await revocations.list_heads_async(connection, tenant_ids=tenant_ids)

    async def _catch_up(self, feed: Feed, head: FeedHead, began: float) -> None:
        """Apply the new entries of a feed, or start over if that is not possible.

        The page begins with the entry that was read last, unless that is pruned: a
        restored feed gives its number to another entry.
        """
        entries: Sequence[Revocation] = []
        is_same = 0 < head.last_sequence - feed.position < MAX_PAGE_SIZE
        if is_same:
            try:
                entries = await self._entries(feed)
            except TenantInactiveError:
                self.cache.unfollow(feed)
                return
            if entries and entries[0].sequence == feed.position:
                is_same = entries[0].created_at == feed.stamp
                entries = entries[1:]
        if is_same:
            self.cache.advance(feed, entries, head, began)
        else:
            self.cache.start_over(feed, head, began)

    async def _entries(self, feed: Feed) -> Sequence[Revocation]:
        unit = self._unit(feed.tenant_id, seconds=self._patience)
        async with unit as store:
            return await store.revocations.list_since(
                tenant_id=feed.tenant_id,
                sequence=max(0, feed.position - 1),
                page_size=MAX_PAGE_SIZE,
            )

    def _warn(self, error: Exception) -> None:
        _logger.warning(
            "the feeds of a verifier could not be read for %.1f s: %s",
            self.cache.staleness or 0.0,
            type(error).__name__,
        )

    def _is_followed(self, payload: str) -> bool:
        """Note a hint. Return whether the tenant is one of the cache."""
        try:
            tenant_id = UUID(payload)
        except ValueError:
            return False
        if tenant_id not in self.cache.feeds:
            return False
        self._hinted.add(tenant_id)
        return True
