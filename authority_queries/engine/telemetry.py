"""The hook for an observer of statements, pools and caches. By default none observes.

The engine imports no telemetry system. `service/telemetry.py` observes for
OpenTelemetry.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from authority_queries.engine.direct_connections import AnyConnection


class Operation(Protocol):
    """One operation that is observed. It ends with its block."""

    def returned(self, rows: list[object]) -> None:
        """Take the rows, of which only number and outcome may be reported."""


class Observer(Protocol):
    """Observes operations, pools and caches. It must not raise."""

    def operation(
        self, label: str, connection: AnyConnection
    ) -> AbstractContextManager[Operation]:
        """Observe the block that executes a statement (`users.create`)."""

    def wait(self, pool: str) -> AbstractContextManager[None]:
        """Observe the block that waits for a connection."""

    def used(self, pool: str, seconds: float) -> None:
        """Take the time from taking a connection to giving it back."""

    def timed_out(self, pool: str) -> None:
        """Count a caller that got no connection in time."""

    def looked_up(self, cache: str, result: str) -> None:
        """Count a look into a cache, by its result (`hit`, `miss`)."""


class Telemetry:
    """Holds the observer of this process."""

    __slots__ = ("observer",)

    def __init__(self) -> None:
        self.observer: Observer | None = None

    def observe(
        self, label: str, connection: AnyConnection
    ) -> AbstractContextManager[Operation | None]:
        """Observe the block that executes a statement, if anything observes."""
        observer = self.observer
        return _NOTHING if observer is None else observer.operation(label, connection)

    def looked_up(self, cache: str, result: str) -> None:
        """Report a look into a cache, by its result (`hit`, `miss`)."""
        if self.observer is not None:
            self.observer.looked_up(cache, result)


_NOTHING: Final = nullcontext()
TELEMETRY: Final = Telemetry()
