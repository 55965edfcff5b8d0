"""The ledger of a process: every call is entered with its outcome and its time."""

import asyncio
import sys
import traceback
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from math import inf
from threading import RLock, get_ident
from time import monotonic
from typing import Literal, TypeAlias

from authority_queries.errors import AuthorityError
from tests.soak.errors import (
    TRANSIENT,
    InterruptedCallError,
    described,
    is_loss,
    is_of_the_hierarchy,
)
from tests.soak.fault_times import Weather
from tests.soak.tally import Tally

Outcome: TypeAlias = Literal["acknowledged", "refused", "unknown"]
_PATIENCE = 2.0  # seconds after its limit a call is reported as hanging


@dataclass(eq=False, slots=True)
class Call:
    """One call, and its outcome: accepted, refused, or neither."""

    kind: str
    began: float
    thread: int
    task: "asyncio.Task[object] | None"
    parts: int
    ended: float = inf
    outcome: Outcome = "unknown"
    error: type[BaseException] | None = None

    def refuse(self) -> None:
        """The store refused: nothing was done."""
        self.outcome = "refused"

    @property
    def is_acknowledged(self) -> bool:
        return self.outcome == "acknowledged"

    @property
    def is_unknown(self) -> bool:
        return self.outcome == "unknown"


class Ledger:
    """Enters calls and judges their errors and times. Threads share it."""

    def __init__(
        self, weather: Weather, refusals: tuple[type[AuthorityError], ...] = ()
    ) -> None:
        self.weather = weather
        self.tally = Tally()
        self.lock = RLock()
        self._refusals = refusals
        self._open: dict[int, Call] = {}
        self._numbers = count()
        self._hanging: set[Call] = set()

    @contextmanager
    def call(
        self, kind: str, *refusals: type[AuthorityError], parts: int = 1
    ) -> Iterator[Call]:
        """Make one call of the store in the block, which raises none of its errors.

        `refusals` are the errors by which the store may refuse. An interruption is
        raised. `parts` is how many times the limit of one call it may take.
        """
        call = Call(kind, monotonic(), get_ident(), _task(), parts)
        number = next(self._numbers)
        self._open[number] = call
        try:
            yield call
            if call.outcome == "unknown":
                call.outcome = "acknowledged"
        except (*self._refusals, *refusals) as error:
            call.outcome, call.error = "refused", type(error)
        except (InterruptedCallError, KeyboardInterrupt, CancelledError) as error:
            call.error = type(error)
            raise
        except Exception as error:
            call.error = type(error)
            with self.lock:
                self._judge(call, error)
        finally:
            call.ended = monotonic()
            self._open.pop(number, None)
            self._enter(call)

    def _enter(self, call: Call) -> None:
        seconds = call.ended - call.began
        limit = call.parts * self.weather.longest(call.began, call.ended)
        with self.lock:
            self.tally.outcomes[call.kind, call.outcome] += 1
            in_storm = bool(self.weather.met(call.began, call.ended))
            self.tally.took(call.kind, seconds, in_storm=in_storm)
            if seconds > limit and call not in self._hanging:
                rule = "a call takes longer than its documented time"
                self.violate(rule, f"{call.kind}: {seconds:.1f} s of {limit:.1f}")

    def _judge(self, call: Call, error: Exception) -> None:
        self.tally.errors[type(error).__name__] += 1
        if isinstance(error, TRANSIENT):
            call.outcome = "refused"
        elif is_loss(error):
            if not self.weather.met(call.began, call.ended):
                rule = "an error in calm weather"
                self.violate(rule, f"{call.kind}: {described(error)}")
        elif is_of_the_hierarchy(error):
            call.outcome = "refused"
            self.violate("an undocumented refusal", f"{call.kind}: {described(error)}")
        else:
            self.violate("an undocumented error", f"{call.kind}: {described(error)}")

    def violate(self, rule: str, detail: str) -> None:
        with self.lock:
            self.tally.violate(rule, detail)

    def expect(self, holds: object, rule: str, detail: str) -> None:
        """Record a violation unless the assertion holds."""
        if not holds:
            self.violate(rule, detail)

    def count(self, figure: str, by: int = 1) -> None:
        with self.lock:
            self.tally.figures[figure] += by

    def watch(self) -> None:
        """Report calls that hang, with their stacks. Called every now and then."""
        now = monotonic()
        for call in [*self._open.values()]:
            limit = call.parts * self.weather.longest(call.began, now)
            if now - call.began > limit + _PATIENCE and call not in self._hanging:
                self._hanging.add(call)
                self.violate("a call hangs", f"{call.kind}: {_where(call)}")


def _task() -> "asyncio.Task[object] | None":
    with suppress(RuntimeError):
        return asyncio.current_task()
    return None


def _where(call: Call) -> str:
    if call.task is not None:
        frames = call.task.get_stack(limit=4)
        return " < ".join(f"{f.f_code.co_name}:{f.f_lineno}" for f in frames)
    frame = sys._current_frames().get(call.thread)
    if frame is None:
        return "the thread is gone"
    stack = traceback.extract_stack(frame)[-6:]
    return " < ".join(f"{f.name}:{f.lineno}" for f in reversed(stack))
