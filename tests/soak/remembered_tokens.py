"""Keeps the lives of the newest tokens, and forgets others to limit the memory."""

from collections.abc import Iterable
from random import Random
from threading import Lock
from time import monotonic

from tests.soak.token_lives import Life

# The number of remembered tokens of each kind.
MOST = 1500


class Lives:
    """The newest tokens of each kind in a process. Threads share it."""

    def __init__(self) -> None:
        self._by_kind: dict[str, list[Life]] = {}
        self._lock = Lock()

    def add(self, life: Life) -> None:
        with self._lock:
            kept = self._by_kind.setdefault(life.kind, [])
            kept.append(life)
            if len(kept) > MOST:
                # Dead ones go first, but some are kept: they must stay dead.
                now = monotonic()
                old = kept[: MOST // 2]
                stay = [life for life in old if life.why_dead(now) is None]
                self._by_kind[life.kind] = stay[len(stay) // 4 :] + kept[MOST // 2 :]

    def draw(self, chance: Random, kind: str) -> Life | None:
        """Return any of a kind, half of the time one of the newest."""
        with self._lock:
            kept = self._by_kind.get(kind)
            if not kept:
                return None
            newest = max(0, len(kept) - 20) if chance.random() < 0.5 else 0
            return kept[chance.randrange(newest, len(kept))]

    def claim(self, chance: Random, kind: str) -> Life | None:
        """Take one that may live and has no other claim, to redeem it once."""
        now = monotonic()
        with self._lock:
            kept = self._by_kind.get(kind, [])
            for life in reversed(kept[-50:]):
                fresh = not life.is_claimed and not life.uses
                if fresh and life.why_dead(now) is None and chance.random() < 0.7:
                    life.is_claimed = True
                    return life
        return None

    def copied(self) -> "Lives":
        """Return a copy for a forked child: a thread may hold the lock for ever."""
        copy = Lives()
        copy._by_kind = {kind: [*kept] for kind, kept in self._by_kind.items()}
        return copy

    def all(self) -> Iterable[Life]:
        with self._lock:
            return [life for kept in self._by_kind.values() for life in kept]
