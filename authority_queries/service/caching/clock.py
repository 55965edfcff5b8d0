"""The clock of a verifier: seconds that pass also while the machine sleeps."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

__all__ = ["elapsed"]


def _clock() -> Callable[[], float]:
    # On Linux `time.monotonic` stands still while the machine is suspended. An answer
    # of before the suspension would look as fresh as then.
    boot_time: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    if boot_time is None:
        return time.monotonic
    return partial(time.clock_gettime, boot_time)


elapsed: Final = _clock()
