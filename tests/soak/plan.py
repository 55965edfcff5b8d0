"""How a run is made: how long, how much at once, and which faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

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
    """What a run is told.

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
    canary: str = ""
