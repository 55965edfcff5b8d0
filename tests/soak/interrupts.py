"""A service whose calls a signal handler interrupts by an exception, at any moment."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Any
from uuid import UUID

from authority_queries import Authority
from authority_queries.records import VerifiedToken
from tests.soak.errors import InterruptedCallError
from tests.soak.fault_times import Weather
from tests.soak.ledger import Ledger
from tests.soak.plan import Plan
from tests.soak.pools import count_usable
from tests.soak.remembered_tokens import Lives
from tests.soak.store_forms import Store, Threads, run_now
from tests.soak.tally import Tally
from tests.soak.tenants import make_homes
from tests.soak.token_work import Desk, verify_one
from tests.soak.work import draw, work
from tests.stores import Logins

_WITHIN = 0.012  # seconds


class _Alarm:
    """Interrupts the code between `set` and `end`, at most once."""

    def __init__(self, chance: Random) -> None:
        self.rings = 0
        self._chance = chance
        self._is_set = False
        signal.signal(signal.SIGALRM, self._ring)

    def set(self) -> None:
        self._is_set = True
        within = max(1e-5, self._chance.random() * _WITHIN)
        signal.setitimer(signal.ITIMER_REAL, within)

    def end(self) -> None:
        self._is_set = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, _: int, __: object) -> None:
        if self._is_set:
            self._is_set = False
            self.rings += 1
            raise (
                InterruptedCallError
                if self._chance.random() < 0.5
                else KeyboardInterrupt
            )


class _Unit:
    """A unit of work that the alarm may interrupt from its beginning to its end."""

    def __init__(self, alarm: _Alarm, unit: Any) -> None:
        self._alarm = alarm
        self._unit = unit

    async def __aenter__(self) -> Any:
        self._alarm.set()
        return Store(self._unit.__enter__())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> bool | None:
        try:
            done: bool | None = self._unit.__exit__(kind, error, frames)
        finally:
            self._alarm.end()
        return done


class _Interrupted(Threads):
    """The blocking form of a main thread that is interrupted."""

    def __init__(self, authority: Authority, alarm: _Alarm) -> None:
        super().__init__(authority)
        self._alarm = alarm

    def unit(self, tenant_id: UUID, *, autocommit: bool = True) -> Any:
        unit = self._authority.tenant(tenant_id, autocommit=autocommit)
        return _Unit(self._alarm, unit)

    async def verify_token(self, token: str, **options: Any) -> VerifiedToken | None:
        self._alarm.set()
        try:
            return self._authority.verify_token(token, **options)
        finally:
            self._alarm.end()


def work_interrupted(plan: Plan, logins: Logins, conninfo: str) -> Tally:
    """Work in the main thread, interrupted, beside threads that share its pool."""
    settings = plan.settings(conninfo)
    ledger = Ledger(Weather(settings))
    homes, chance = make_homes(logins, 2), Random(plan.seed)
    with Authority.open(settings) as authority:
        calm = Desk(Threads(authority), ledger, Lives(), homes, chance)
        alarm = _Alarm(chance)
        door = _Interrupted(authority, alarm)
        with _beside(calm, plan):
            _be_interrupted(replace(calm, door=door), plan.fault_seconds)
        ledger.count("interruptions", by=alarm.rings)
        lost = plan.pool_size - count_usable(authority, homes[0].tenant_id)
        ledger.expect(not lost, "connections are lost", f"interrupts: {lost}")
        ledger.count("connections lost, interrupts", by=lost)
        for life in () if lost else calm.lives.all():
            run_now(verify_one(calm, life))
    return ledger.tally


@contextmanager
def _beside(desk: Desk, plan: Plan) -> Iterator[None]:
    """Let threads work, without interruptions, for the time of the block."""
    stop = Event()
    threads = [
        Thread(target=lambda: run_now(work(desk, plan.pace, stop, {})))
        for _ in range(plan.pool_size)
    ]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


def _be_interrupted(desk: Desk, seconds: float) -> None:
    end = monotonic() + seconds
    while monotonic() < end:
        try:
            run_now(draw(desk.chance, {})(desk))
        except (InterruptedCallError, KeyboardInterrupt):
            desk.ledger.count("interrupted calls")
