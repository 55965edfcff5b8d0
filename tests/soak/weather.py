"""When faults were made, and what a call at that time may come to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from threading import Lock
from time import monotonic


@dataclass(eq=False, slots=True)
class Storm:
    """A fault, from before it was made until the store must have got over it.

    `longest` is how long a call may take that meets it, in seconds.
    """

    fault: str
    began: float
    longest: float
    ended: float = inf

    def meets(self, began: float, ended: float) -> bool:
        return self.began <= ended and began <= self.ended


class Weather:
    """All storms of a run. In calm weather no call may fail."""

    def __init__(self, calm: float) -> None:
        self.calm = calm
        self._storms: list[Storm] = []
        self._lock = Lock()

    @contextmanager
    def storm(self, fault: str, *, longest: float, grace: float) -> Iterator[Storm]:
        """Make a fault in the block; `grace` seconds after it all must be well."""
        storm = Storm(fault, monotonic(), longest)
        with self._lock:
            self._storms.append(storm)
        try:
            yield storm
        finally:
            storm.ended = monotonic() + grace

    def met(self, began: float, ended: float) -> list[Storm]:
        """The storms that a call met."""
        with self._lock:
            return [storm for storm in self._storms if storm.meets(began, ended)]

    def longest(self, began: float, ended: float) -> float:
        """How long a call may take that began and ended then, in seconds."""
        met = self.met(began, ended)
        return max([self.calm, *(storm.longest for storm in met)])
