"""How fast a backfill works, and what it has done."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a backfill works. Times are in seconds.

    `pause` follows each batch, so that replicas and autovacuum keep up. A batch that
    waits longer than `lock_timeout` for a lock is rolled back and tried again.
    """

    batch_size: int = 1000
    pause: float = 0.1
    lock_timeout: float = 2.0
    statement_timeout: float = 30.0


@dataclass(slots=True, kw_only=True)
class BackfillReport:
    """What a run has done so far. `tenants` counts those that are done, of `all`."""

    all: int = 0
    tenants: int = 0
    rows: int = 0
    batches: int = 0
    retries: int = 0
    seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether each tenant had a batch that found no row."""
        return self.tenants == self.all
