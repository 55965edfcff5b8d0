"""Positions in the primary's log, and which of them a reader of a standby needs."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final, Self
from uuid import UUID

_SAMPLES: Final = 4  # positions in the longest allowed lag


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a server's log, which `get_lsn` returns as a text."""

    timeline: int
    octets: int

    @classmethod
    def parse(cls, lsn: str) -> Self:
        """Read a text such as 1:0/16B3748, whose shape was checked."""
        timeline, _, rest = lsn.partition(":")
        high, _, low = rest.partition("/")
        return cls(int(timeline), int(high, 16) << 32 | int(low, 16))

    def covers(self, other: "Position") -> bool:
        """Return whether a server that is here has everything before `other`.

        A later timeline has what survived of an earlier one.
        """
        return self.timeline >= other.timeline and self.octets >= other.octets

    def join(self, other: "Position") -> "Position":
        """Return the first position that covers both."""
        return Position(
            max(self.timeline, other.timeline), max(self.octets, other.octets)
        )

    def __str__(self) -> str:
        """Return the text that `get_lsn` returns."""
        return f"{self.timeline}:{self.octets >> 32:X}/{self.octets & 0xFFFFFFFF:X}"


NOWHERE: Final = Position(0, 0)


class Positions:
    """What this process knows of the primary's log.

    A sample is a position and a moment of this process's clock: whatever was committed
    before the moment is before the position. A standby that covers a sample is at most
    as stale as the sample is old, however its own clock and the network behave.
    """

    def __init__(self, longest_lag: float) -> None:
        self.interval: Final = longest_lag / _SAMPLES
        self._longest_lag = longest_lag
        self._samples: deque[tuple[float, Position]] = deque(maxlen=2 * _SAMPLES)
        self._next = 0.0
        self._written: dict[UUID, float] = {}
        self._writers: dict[object, UUID] = {}

    def is_due(self, now: float) -> bool:
        """Return whether the caller should take a sample. One caller each interval."""
        if now < self._next:
            return False
        self._next = now + self.interval
        return True

    def add(self, asked_at: float, position: Position) -> None:
        """Keep a sample, which was asked for at this moment."""
        self._samples.append((asked_at, position))
        oldest = asked_at - self._longest_lag
        for tenant_id, written_at in list(self._written.items()):
            if written_at < oldest:
                self._written.pop(tenant_id, None)

    @contextmanager
    def writing(self, tenant_id: UUID) -> Iterator[None]:
        """Note that the block may write rows of the tenant."""
        writer = object()
        self._writers[writer] = tenant_id
        try:
            yield
        finally:
            self._written[tenant_id] = monotonic()
            self._writers.pop(writer, None)

    def required(self, tenant_id: UUID, now: float) -> Position | None:
        """Return the oldest sample that a reader of this tenant's rows may accept.

        It is at most `longest_lag` old, and was taken after this process's last write
        for the tenant. None: there is no such sample.
        """
        if tenant_id in tuple(self._writers.values()):
            return None
        oldest = max(now - self._longest_lag, self._written.get(tenant_id, 0.0))
        for taken_at, position in tuple(self._samples):
            if taken_at >= oldest:
                return position
        return None
