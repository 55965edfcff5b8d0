"""When faults were made, and the permitted outcomes of a call at that time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from threading import Lock
from time import monotonic
from typing import Final

from authority_queries import Settings

# A margin for the machine, which has other work.
_SLACK: Final = 3.0


@dataclass(eq=False, slots=True)
class Storm:
    """A fault, from before it was made until the store must have recovered."""

    fault: str
    began: float
    ended: float = inf

    def meets(self, began: float, ended: float) -> bool:
        return self.began <= ended and began <= self.ended


class Weather:
    """All storms of a run. In calm weather no call may fail."""

    def __init__(self, settings: Settings) -> None:
        wait = settings.pool_timeout + _SLACK
        # The server ends a statement that takes too long, and a silent server is given
        # up somewhat later.
        self.calm = wait + settings.statement_timeout
        self.stormy = wait + (settings.longest_silence or inf)
        self._storms: list[Storm] = []
        self._lock = Lock()

    @contextmanager
    def storm(self, fault: str, *, grace: float) -> Iterator[Storm]:
        """Make a fault in the block; `grace` seconds after it all must be well."""
        storm = Storm(fault, monotonic())
        with self._lock:
            self._storms.append(storm)
        try:
            yield storm
        finally:
            storm.ended = monotonic() + grace

    def met(self, began: float, ended: float) -> list[Storm]:
        """Return the storms that a call met."""
        with self._lock:
            return [storm for storm in self._storms if storm.meets(began, ended)]

    def longest(self, began: float, ended: float) -> float:
        """Return how long a call may take that began and ended then, in seconds."""
        return self.stormy if self.met(began, ended) else self.calm
