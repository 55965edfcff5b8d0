"""Where lives are kept, drawn from and forgotten, so that a long run stays small."""

from collections.abc import Iterable
from random import Random
from threading import Lock
from time import monotonic

from tests.soak.lives import Life

# Of each kind so many are remembered.
MOST = 1500


class Lives:
    """The tokens of a process, of each kind the newest ones. Threads share it."""

    def __init__(self) -> None:
        self._by_kind: dict[str, list[Life]] = {}
        self._lock = Lock()

    def add(self, life: Life) -> None:
        with self._lock:
            kept = self._by_kind.setdefault(life.kind, [])
            kept.append(life)
            if len(kept) > MOST:
                # The dead ones first, but some are kept: they must stay dead.
                now = monotonic()
                old = kept[: MOST // 2]
                stay = [life for life in old if life.why_dead(now) is None]
                self._by_kind[life.kind] = stay[len(stay) // 4 :] + kept[MOST // 2 :]

    def draw(self, chance: Random, kind: str) -> Life | None:
        """Any of a kind, one in two times one of the newest."""
        with self._lock:
            kept = self._by_kind.get(kind)
            if not kept:
                return None
            newest = max(0, len(kept) - 20) if chance.random() < 0.5 else 0
            return kept[chance.randrange(newest, len(kept))]

    def claim(self, chance: Random, kind: str) -> Life | None:
        """Take one that may live, that nobody else claims: to be redeemed once."""
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
        """The same lives, for a forked child: a thread may have the lock for ever."""
        copy = Lives()
        copy._by_kind = {kind: [*kept] for kind, kept in self._by_kind.items()}
        return copy

    def all(self) -> Iterable[Life]:
        with self._lock:
            return [life for kept in self._by_kind.values() for life in kept]
