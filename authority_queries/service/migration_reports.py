"""The progress of a run of migrations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

MigrationOutcome: TypeAlias = Literal["applied", "retrying", "waiting", "released"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationProgress:
    """One event of a run of migrations.

    - `applied`: yoyo has applied `migration`, which took `seconds` with all its tries.
    - `retrying`: `migration` did not get a lock, or met a deadlock, and was rolled
      back. The next try begins after `seconds`. `why` names the sessions in its way.
    - `waiting`: another run holds yoyo's lock, or may hold it. `why` describes it.
    - `released`: the run that held yoyo's lock is dead, and the lock was removed. `why`
      describes the dead run.
    """

    outcome: MigrationOutcome
    migration: str | None = None
    seconds: float = 0.0
    why: str = ""


ProgressCallback: TypeAlias = Callable[[MigrationProgress], None]


def ignore_progress(_: MigrationProgress) -> None:
    """Report to nobody."""
