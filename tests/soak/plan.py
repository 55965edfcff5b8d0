"""The parameters of a run: how long, how much at once, and which faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from authority_queries import Settings
from authority_queries.service.migrations import yoyo_url

FaultName: TypeAlias = Literal[
    "kill",
    "crash",
    "freeze",
    "refuse",
    "halve",
    "lose",
    "silence",
    "cancel",
    "interrupt",
    "fork",
]
FAULTS: Final[Sequence[FaultName]] = get_args(FaultName)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The parameters of a run.

    `patience` is each of the settings' timeouts, in seconds; `pace` how long a worker
    rests between two calls, on average.
    """

    seconds: float = 60.0
    seed: int = 0
    faults: Sequence[FaultName] = ()
    threads: int = 4
    tasks: int = 4
    homes: int = 4
    pool_size: int = 4
    patience: float = 5.0
    pace: float = 0.01
    fault_seconds: float = 4.0
    calm_seconds: float = 3.0
    dumps: bool = True
    canaries: Sequence[str] = ()

    def settings(self, conninfo: str) -> Settings:
        """Return a service's settings, with waits that end within a run."""
        return Settings(
            database_url=yoyo_url(conninfo),
            pool_min_size=2,
            pool_max_size=self.pool_size,
            pool_timeout=self.patience,
            connect_timeout=self.patience,
            statement_timeout=self.patience,
        )
