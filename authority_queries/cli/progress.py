"""How a long command tells where it is, and how it is asked to end."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from authority_queries.service.retention import StepReport


class Stop:
    """Whether a signal has asked to end. A second one ends at once."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.number is not None

    @contextmanager
    def by_signal(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the run after the batch that goes on."""
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
    """A line on stderr for each step that ends; on a terminal also for what goes on."""

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty()

    def __call__(self, step: StepReport) -> None:
        """Tell of a step after a batch of it."""
        going_on = step.outcome == "unfinished"
        if going_on and not self._is_live:
            return
        line = (
            f"{step.step}: {step.rows:,} rows, {step.batches:,} batches, "
            f"{step.seconds:.1f} s"
        )
        if not going_on:
            line += f", {step.outcome}"
        # Over the line of what goes on, if there is one.
        begin, end = ("\r\x1b[K", "" if going_on else "\n")
        print(
            f"{begin if self._is_live else ''}{line}",
            end=end,
            file=sys.stderr,
            flush=True,
        )
