"""Verifies access tokens from memory while it follows the revocation feeds."""

import hashlib
import logging
from typing import Final, Self
from uuid import UUID

import psycopg

from authority_queries.engine.calls import AsyncCall
from authority_queries.engine.checks import optional, text
from authority_queries.engine.telemetry import TELEMETRY
from authority_queries.errors import AuthorityError
from authority_queries.records import VerifiedToken
from authority_queries.repositories.arguments import check_tenant_id
from authority_queries.secrets.token_strings import LENGTH
from authority_queries.service._async.feed_reader import AsyncFeedReader
from authority_queries.service.caching.clock import elapsed
from authority_queries.service.caching.feeds import Flight
from authority_queries.service.caching.limits import VerifierStatistics
from authority_queries.service.caching.lookups import UNKNOWN, key_of, recall
from authority_queries.service.presented import find_presented
from authority_queries.service.waiting import AsyncBell, AsyncWorker

_logger: Final = logging.getLogger("authority_queries.feed")
_NAP: Final = 1.0  # seconds after which a waiter looks again, should a ring be lost
_resource: Final = optional(text())
_sha256: Final = hashlib.sha256


class AsyncVerifier:
    """Verifies access tokens by answers of `Authority.verify_token` that it keeps.

    Open it with `authority.verifier()`. All calls for a token share one record, so its
    lists and objects refuse changes.
    """

    def __init__(
        self,
        reader: AsyncFeedReader,
        *,
        verify: AsyncCall[VerifiedToken | None],
    ) -> None:
        self._reader = reader
        self._cache = cache = reader.cache
        self._counts = cache.counts
        self._ask = verify
        self._worker = AsyncWorker()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def verify_token(
        self,
        token: str,
        *,
        tenant_id: UUID | None = None,
        resource: str | None = None,
        foreign: bool = False,
    ) -> VerifiedToken | None:
        """Return the access token with this string if it is live, or None.

        The arguments and the result are those of `Authority.verify_token`. An answer
        from memory is at most `max_age` old, and no entry of the feed that was read
        ends it. Refresh tokens are refused: the feed does not publish their ends.
        Raises ClosedError, and what `Authority.verify_token` raises.
        """
        if isinstance(token, str) and len(token) == LENGTH and token.isascii():
            known = recall(self._cache, _sha256(token.encode()).digest())
            if known is not UNKNOWN:
                return _fitting(known, tenant_id, resource)
        return await self._verify(token, tenant_id, resource, foreign=foreign)

    @property
    def staleness(self) -> float | None:
        """The longest time in seconds since one of the feeds was read to its end.

        Above `max_staleness` calls for that tenant ask the database. None if no feed is
        followed: then all calls ask the database.
        """
        return self._cache.staleness

    @property
    def statistics(self) -> VerifierStatistics:
        """The counts of the verifier. Hits of several threads are approximate."""
        return VerifierStatistics(
            **vars(self._counts),
            tokens=len(self._cache.answers),
            refused=len(self._cache.refused),
            tenants=len(self._cache.feeds),
            staleness=self._cache.staleness,
        )

    async def close(self) -> None:
        """Drop all answers, and stop reading. Running calls still return their results.

        A later call raises ClosedError.
        """
        self._cache.close()
        self._reader.stop()
        await self._worker.stop()

    async def _verify(
        self,
        token: str,
        tenant_id: UUID | None,
        resource: str | None,
        *,
        foreign: bool,
    ) -> VerifiedToken | None:
        """Verify a token of another store, or one without an answer in memory."""
        self._cache.check_open()
        _resource("resource", resource)
        presented = find_presented(token, "access", tenant_id, foreign=foreign)
        if presented is None:
            return None
        key = key_of(*presented)
        known = UNKNOWN if key is presented[1] else recall(self._cache, key)
        if known is not UNKNOWN:
            return _fitting(known, tenant_id, resource)
        TELEMETRY.looked_up("verifier", "miss")
        if self._cache.claim_reading():
            self._worker.start(self._reader.run)
        return _fitting(await self._fly(key, *presented), tenant_id, resource)

    async def _fly(
        self, key: bytes, tenant_id: UUID, digest: bytes
    ) -> VerifiedToken | None:
        """Ask the database, or wait for a call that does.

        While the feed is away, no call waits for another one: an answer is as young as
        its call.
        """
        cache = self._cache
        while True:
            feed = cache.feeds.get(tenant_id)
            alone = feed is not None and feed.fresh_until <= elapsed()
            flight, is_mine = cache.board(key, tenant_id, alone=alone)
            if is_mine:
                self._counts.bypasses += alone
                self._counts.misses += not alone
                await self._lead(flight, key, digest)
                if flight.feed is None and flight.found is not None:
                    await self._follow(tenant_id)
            else:
                self._counts.shared += 1
                await self._ride(flight)
            if flight.error is not None:
                raise flight.error
            if flight.is_landed:
                return flight.found

    async def _lead(self, flight: Flight, key: bytes, digest: bytes) -> None:
        """Ask the database until no entry was read meanwhile that ends the answer."""
        cache = self._cache
        try:
            while True:
                began = elapsed()
                cache.depart(flight)
                found = await self._ask(flight.tenant_id, digest)
                cache.land(key, flight, found, began)
                if flight.is_landed:
                    return
                self._counts.repeats += 1
        except Exception as error:
            flight.error = error
            raise
        finally:
            cache.leave(key, flight)
            for ring in flight.waiting:
                ring()

    async def _ride(self, flight: Flight) -> None:
        """Wait for the end of a flight. One that was cancelled has not landed."""
        bell = AsyncBell()
        flight.waiting.append(bell.ring)
        while flight.is_flying:
            await bell.wait(_NAP)

    async def _follow(self, tenant_id: UUID) -> None:
        """Follow the tenant's feed, so that the next answer can be kept."""
        if len(self._cache.feeds) >= self._cache.limits.max_tenants:
            return
        try:
            await self._reader.begin(tenant_id)
        except (psycopg.Error, AuthorityError) as error:
            _logger.warning("a feed could not be read: %s", type(error).__name__)
        if self._cache.claim_reading():
            self._worker.start(self._reader.run)


def _fitting(
    token: VerifiedToken | None, tenant_id: UUID | None, resource: str | None
) -> VerifiedToken | None:
    """Return the token if it is of this tenant and for this resource."""
    if resource is not None:
        _resource("resource", resource)
        if token is None or resource not in token.resources:
            return None
    if tenant_id is not None:
        check_tenant_id(tenant_id)
        if token is None or tenant_id != token.tenant_id:
            return None
    return token
