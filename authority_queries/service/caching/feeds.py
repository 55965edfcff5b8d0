"""A followed feed, and the answers of its tenant by what can end them."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from authority_queries.records import FeedHead, Revocation, VerifiedToken
from authority_queries.repositories.endings import FeedKey, feed_keys
from authority_queries.service.caching.clock import elapsed


class Answer:
    """A live token, and the time until which it may be returned from memory."""

    __slots__ = ("feed", "token", "until")

    def __init__(self, token: VerifiedToken, feed: "Feed", until: float) -> None:
        self.token = token
        self.feed = feed
        self.until = until


class Flight:
    """A trip of one call, for which others with the same token wait.

    `missed` has the entries that were read during the trip.
    """

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self.feed: Feed | None = None
        self.missed: list[Revocation] = []
        self.is_spoiled = False
        self.is_landed = False
        self.is_flying = True
        self.waiting: list[Callable[[], None]] = []
        self.found: VerifiedToken | None = None
        self.error: Exception | None = None


class Feed:
    """How far a tenant's feed was read, and when.

    All entries that were committed before `read_at` have ended their answers. Answers
    may be given until `fresh_until`.
    """

    def __init__(self, head: FeedHead) -> None:
        self.tenant_id: UUID = head.tenant_id
        self.read_at = self.fresh_until = 0.0
        self.used_at = elapsed()
        self.flights: set[Flight] = set()
        self._by_key: dict[FeedKey, bytes | set[bytes]] = {}
        self.rewind(head)

    def attach(self, flight: Flight) -> None:
        """Hand the entries that are read from now on to this flight."""
        flight.feed = self
        self.flights.add(flight)
        self.used_at = elapsed()

    def rewind(self, head: FeedHead) -> None:
        """Continue from this end of the feed."""
        self.position, self.stamp = head.last_sequence, head.published_at
        self.moment = head.moment

    def advance(self, entries: Iterable[Revocation]) -> None:
        """Continue after these entries."""
        for entry in entries:
            self.position, self.stamp = entry.sequence, entry.created_at

    def was_read(self, began: float, moment: datetime, max_staleness: float) -> None:
        """Note that a read that began at `began`, by our clock, has reached the end."""
        self.read_at, self.moment = began, moment
        self.fresh_until = began + max_staleness

    def end_of(self, expires_at: datetime) -> float:
        """Return when a token expires, by our clock and at the latest.

        The server's clock was read after `read_at`, so it is not behind this estimate.
        """
        return self.read_at + (expires_at - self.moment).total_seconds()

    def add(self, digest: bytes, token: VerifiedToken) -> None:
        """Find this answer by what can end its token."""
        for key in feed_keys(token):
            known = self._by_key.setdefault(key, digest)
            if isinstance(known, set):
                known.add(digest)
            elif known != digest:
                self._by_key[key] = {known, digest}

    def remove(self, digest: bytes, token: VerifiedToken) -> None:
        """Forget this answer."""
        for key in feed_keys(token):
            known = self._by_key.get(key)
            if isinstance(known, set):
                known.discard(digest)
            if not known or known == digest:
                self._by_key.pop(key, None)

    def find(self, key: FeedKey) -> list[bytes]:
        """Return the answers with this key."""
        known = self._by_key.get(key, set())
        return [known] if isinstance(known, bytes) else list(known)

    def remove_all(self) -> list[bytes]:
        """Forget all answers, and return them."""
        found = self.find(("tenant", str(self.tenant_id)))
        self._by_key.clear()
        return found

    @property
    def is_needed(self) -> bool:
        """Whether the tenant has an answer."""
        return bool(self._by_key)
