"""The answers of a verifier: bounded, and dropped by what the feeds say.

Nothing here waits, except for a lock that is held for a moment.
"""

import os
from collections.abc import Sequence
from threading import Lock
from typing import Final
from uuid import UUID
from weakref import WeakSet

from authority_queries.errors import ClosedError
from authority_queries.records import FeedHead, Revocation, VerifiedToken
from authority_queries.repositories.endings import is_ended
from authority_queries.service.caching.clock import elapsed
from authority_queries.service.caching.feeds import Answer, Feed, Flight
from authority_queries.service.caching.frozen import freeze
from authority_queries.service.caching.limits import Counts, VerifierLimits


class TokenCache:
    """Answers by `key_of` tenant and hash. It holds no token string.

    Lookups of `answers` and `refused` take no lock. An answer that is dropped is also
    made old, for a thread that holds it already. Answers are in the order of their
    verification, so the first one is the oldest.
    """

    def __init__(self, limits: VerifierLimits) -> None:
        self.limits = limits
        self.answers: dict[bytes, Answer] = {}
        self.refused: dict[bytes, float] = {}
        self.counts = Counts()
        self.is_closed = False
        self._clear()
        _caches.add(self)

    def _clear(self) -> None:
        self.answers.clear()
        self.refused.clear()
        self._lock = Lock()
        self.feeds: dict[UUID, Feed] = {}
        self.flights: dict[bytes, Flight] = {}
        self._is_read = False

    def reset(self) -> None:
        """Forget everything: a forked child has no reader of the feeds."""
        self._clear()

    def close(self) -> None:
        """Forget everything, and refuse what follows."""
        with self._lock:
            self.is_closed = True
            self.answers.clear()
            self.refused.clear()
            self.feeds.clear()

    def check_open(self) -> None:
        """Raise ClosedError after `close`."""
        if self.is_closed:
            message = "the verifier is closed: use it inside its block"
            raise ClosedError(message)

    @property
    def staleness(self) -> float | None:
        """The seconds since the feed that waits longest was read to its end."""
        with self._lock:
            read = [feed.read_at for feed in self.feeds.values()]
        return elapsed() - min(read) if read else None

    def board(
        self, digest: bytes, tenant_id: UUID, *, alone: bool = False
    ) -> tuple[Flight, bool]:
        """Return the flight for this token, and whether the caller must make its trip.

        With `alone` no other call shares the flight.
        """
        with self._lock:
            self.check_open()
            flight = self.flights.get(digest)
            if flight is not None and not alone:
                return flight, False
            flight = Flight(tenant_id)
            if not alone:
                self.flights[digest] = flight
            feed = self.feeds.get(tenant_id)
            if feed is not None:
                feed.attach(flight)
            return flight, True

    def depart(self, flight: Flight) -> None:
        """Begin a trip. Only entries that are read from now on can end its answer."""
        with self._lock:
            flight.missed, flight.is_spoiled = [], False

    def land(
        self, digest: bytes, flight: Flight, found: VerifiedToken | None, began: float
    ) -> None:
        """Keep the answer of a trip that began at `began`, unless an entry ends it.

        The flight has landed if the answer may be returned.
        """
        shared = None if found is None else freeze(found)
        with self._lock:
            if shared is None:
                self._refuse(digest, began)
            elif flight.is_spoiled or any(
                is_ended(shared, entry) for entry in flight.missed
            ):
                return
            elif flight.feed is not None and not self.is_closed:
                until = began + self.limits.max_age
                until = min(until, flight.feed.end_of(shared.expires_at))
                self._keep(digest, Answer(shared, flight.feed, until))
            flight.found, flight.is_landed = shared, True

    def leave(self, digest: bytes, flight: Flight) -> None:
        """End a flight, landed or not."""
        with self._lock:
            flight.is_flying = False
            if self.flights.get(digest) is flight:
                del self.flights[digest]
            if flight.feed is not None:
                flight.feed.flights.discard(flight)

    def follow(self, head: FeedHead, began: float) -> None:
        """Follow a feed from this end, which a read that began at `began` has found."""
        with self._lock:
            is_full = len(self.feeds) >= self.limits.max_tenants
            if self.is_closed or is_full or head.tenant_id in self.feeds:
                return
            feed = self.feeds[head.tenant_id] = Feed(head)
            feed.was_read(began, head.moment, self.limits.max_staleness)
            for flight in self.flights.values():
                if flight.tenant_id == head.tenant_id:
                    # It may have left before an entry that the new feed begins after.
                    flight.is_spoiled = True
                    feed.attach(flight)

    def claim_reading(self) -> bool:
        """Return whether the caller is to start the reader of the feeds."""
        with self._lock:
            is_needed = bool(self.feeds) and not self._is_read and not self.is_closed
            self._is_read = self._is_read or is_needed
            return is_needed

    def end_reading(self, *, if_idle: bool = False) -> bool:
        """Note that the reader has ended. With `if_idle`, only if there is no feed."""
        with self._lock:
            if if_idle and self.feeds:
                return False
            self._is_read = False
            return True

    def advance(
        self, feed: Feed, entries: Sequence[Revocation], head: FeedHead, began: float
    ) -> None:
        """Drop what the entries end, and note that the feed was read to its end."""
        with self._lock:
            for entry in entries:
                for flight in feed.flights:
                    flight.missed.append(entry)
                for digest in feed.find((entry.category, entry.target)):
                    self._end(digest, entry)
            feed.advance(entries)
            if feed.position < head.last_sequence:  # the rest has expired
                feed.rewind(head)
            feed.was_read(began, head.moment, self.limits.max_staleness)

    def start_over(self, feed: Feed, head: FeedHead, began: float) -> None:
        """Drop the answers of a feed that was replaced, or has too many new entries."""
        with self._lock:
            self._empty(feed)
            feed.rewind(head)
            feed.was_read(began, head.moment, self.limits.max_staleness)

    def unfollow(self, feed: Feed) -> None:
        """Drop the feed of a tenant that is not active any more, and its answers."""
        with self._lock:
            self._drop_feed(feed)

    def sweep(self) -> None:
        """Drop old answers, and feeds without answers."""
        now = elapsed()
        with self._lock:
            while self.answers and next(iter(self.answers.values())).until <= now:
                self._drop(next(iter(self.answers)))
            while self.refused and next(iter(self.refused.values())) <= now:
                del self.refused[next(iter(self.refused))]
            for feed in list(self.feeds.values()):
                is_idle = feed.used_at + self.limits.max_age <= now
                if is_idle and not feed.flights and not feed.is_needed:
                    self._drop_feed(feed)

    def _keep(self, digest: bytes, answer: Answer) -> None:
        self._drop(digest)
        self.refused.pop(digest, None)
        while len(self.answers) >= self.limits.max_tokens:
            oldest = next(iter(self.answers))
            self.counts.evictions += self.answers[oldest].until > elapsed()
            self._drop(oldest)
        self.answers[digest] = answer
        answer.feed.add(digest, answer.token)

    def _refuse(self, digest: bytes, began: float) -> None:
        self._drop(digest)
        self.refused.pop(digest, None)
        while len(self.refused) >= self.limits.max_refused:
            del self.refused[next(iter(self.refused))]
        self.refused[digest] = began + self.limits.refused_for

    def _end(self, digest: bytes, entry: Revocation) -> None:
        answer = self.answers.get(digest)
        if answer is not None and is_ended(answer.token, entry):
            self.counts.ended += 1
            self._drop(digest)

    def _drop(self, digest: bytes) -> None:
        answer = self.answers.pop(digest, None)
        if answer is not None:
            answer.until = 0.0
            answer.feed.remove(digest, answer.token)

    def _empty(self, feed: Feed) -> None:
        for digest in feed.remove_all():
            self.counts.ended += 1
            self.answers.pop(digest).until = 0.0
        for flight in feed.flights:
            flight.is_spoiled = True

    def _drop_feed(self, feed: Feed) -> None:
        self._empty(feed)
        for flight in feed.flights:
            flight.feed = None
        feed.flights.clear()
        if self.feeds.get(feed.tenant_id) is feed:
            del self.feeds[feed.tenant_id]


_caches: Final[WeakSet[TokenCache]] = WeakSet()


def _reset_all() -> None:
    for cache in list(_caches):
        cache.reset()


os.register_at_fork(after_in_child=_reset_all)
