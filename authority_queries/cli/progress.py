"""The progress of a long command on stderr, and its end by a signal."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from authority_queries.service.erasures import TableReport
from authority_queries.service.retention import StepReport
from authority_queries.service.tenant_dumps import MoveProgress


class Stop:
    """True once a signal has arrived. A second signal ends the process at once."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self) -> bool:
        """Return whether a signal has arrived."""
        return self.number is not None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the run after the current batch."""
        before = {
            number: signal.getsignal(number)
            for number in (signal.SIGINT, signal.SIGTERM)
        }

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        def ask(number: int, _: FrameType | None) -> None:
            self.number = number
            restore()

        for number in before:
            signal.signal(number, ask)
        try:
            yield
        finally:
            restore()


class Progress:
    """Prints a line for each finished step. A terminal also shows the current step."""

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty()

    def __call__(self, step: StepReport | TableReport | MoveProgress) -> None:
        """Print the step's progress after one of its batches."""
        going_on = step.outcome == "unfinished"
        if going_on and not self._is_live:
            return
        line = (
            f"{step.step}: {step.rows:,} rows, {step.batches:,} batches, "
            f"{step.seconds:.1f} s"
        )
        if not going_on:
            line += f", {step.outcome}"
        # On a terminal this replaces the line of the current step.
        begin, end = ("\r\x1b[K", "" if going_on else "\n")
        print(
            f"{begin if self._is_live else ''}{line}",
            end=end,
            file=sys.stderr,
            flush=True,
        )
