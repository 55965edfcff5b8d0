"""Whether standbys answer and keep up, and how many reads they answered."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from authority_queries.service.positions import NOWHERE, Position

_log: Final = logging.getLogger("authority_queries.replica")
_FIRST_REST: Final = 1.0  # seconds
_LONGEST_REST: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaReads:
    """The counts of reads that a standby answered, and of others by reason.

    `lagging`: no standby was fresh enough. `written`: this process was writing rows of
    the tenant a moment ago, or does not know how far the primary's log goes. `away`: no
    standby answered. Counts of several threads are approximate.
    """

    standby: int = 0
    lagging: int = 0
    written: int = 0
    away: int = 0


class Health:
    """Decides whether a read may ask a standby, and counts reads.

    While no standby answers, one read tries after 1 s, the next after 2 s, later every
    30 s. After a read that waited in vain, no other read waits for the same position or
    a later one during `interval`.

    A client chooses the position of its read, so reads for such positions have only so
    many `places`: clients that choose positions which no server has cannot occupy all
    connections.
    """

    def __init__(self, described: str, interval: float, places: int) -> None:
        self._described = described
        self._interval = interval
        self._places = [None] * places  # those that are free
        self._rest = 0.0
        self._rests_until = 0.0
        self._lags_until = 0.0
        self._missing = NOWHERE
        self.standby = self.lagging = self.written = self.away = 0

    @property
    def reads(self) -> ReplicaReads:
        """The counts until now."""
        return ReplicaReads(
            standby=self.standby,
            lagging=self.lagging,
            written=self.written,
            away=self.away,
        )

    def admits(self, required: Position, now: float) -> bool:
        """Return whether a read that needs this position should ask a standby."""
        if self._rest:
            if now < self._rests_until:
                self.away += 1
                return False
            self._rests_until = now + self._rest  # the others wait for this one
        if now < self._lags_until and required.covers(self._missing):
            self.lagging += 1
            return False
        return True

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Take a place during the block. False: none is free."""
        try:
            self._places.pop()
        except IndexError:
            self.lagging += 1
            yield False
            return
        try:
            yield True
        finally:
            self._places.append(None)

    def answer(self) -> None:
        """Note that a standby has answered."""
        if self._rest:
            self._rest = 0.0
            _log.info("%s answers again", self._described)

    def lag(self, required: Position, now: float) -> None:
        """Note that a standby did not reach this position in time."""
        self.lagging += 1
        self._missing, self._lags_until = required, now + self._interval

    def fail(self, error: Exception, now: float) -> None:
        """Note that no standby answered."""
        self.away += 1
        if not self._rest:
            # The first line: others may have values.
            why = str(error).partition("\n")[0]
            _log.warning(
                "%s is away, reads go to the primary: %s", self._described, why
            )
        self._rest = min(max(2 * self._rest, _FIRST_REST), _LONGEST_REST)
        self._rests_until = now + self._rest
