"""A service that opens its pool, and then forks, as gunicorn does with preload."""

import os
import pickle
import signal
import warnings
from random import Random
from select import select
from threading import Thread
from time import monotonic

from authority_queries import Authority
from authority_queries.errors import AuthorityError
from tests.soak.ending_work import revoke
from tests.soak.fault_times import Weather
from tests.soak.ledger import Ledger
from tests.soak.plan import Plan
from tests.soak.pools import count_usable
from tests.soak.redeeming import redeem
from tests.soak.remembered_tokens import Lives
from tests.soak.store_forms import Threads, run_now
from tests.soak.tally import Tally
from tests.soak.tenants import make_homes
from tests.soak.token_work import Desk, issue_code, make_access, verify
from tests.stores import Logins

CHILDREN = 3
_CALLS = 40


def fork_and_verify(plan: Plan, logins: Logins, conninfo: str) -> Tally:
    """Verify in children, through what the parent has opened, while it verifies too."""
    settings = plan.settings(conninfo)
    ledger = Ledger(Weather(settings))
    homes, lives = make_homes(logins, 2), Lives()
    with Authority.open(settings) as authority:
        desk = Desk(Threads(authority), ledger, lives, homes, Random(plan.seed))
        count_usable(authority, homes[0].tenant_id)  # all of them are open
        for piece in [issue_code, make_access, redeem, redeem, revoke] * 10:
            run_now(piece(desk))
        end = monotonic() + plan.fault_seconds
        while monotonic() < end:
            if not _fork_once(desk, ledger.weather.calm):
                return ledger.tally
        lost = plan.pool_size - count_usable(authority, homes[0].tenant_id)
        ledger.expect(not lost, "connections are lost", f"forks: {lost}")
        ledger.count("connections lost, forks", by=lost)
    return ledger.tally


def _fork_once(desk: Desk, limit: float) -> bool:
    """Fork while a thread of the parent verifies; return whether the result arrived.

    A fork copies whatever lock the thread has at that moment.
    """
    parent = Thread(target=_verify, args=(desk,), daemon=True)
    parent.start()
    children = [_fork(desk, number, limit) for number in range(CHILDREN)]
    until = monotonic() + limit + 1
    for pid, end in children:
        _collect(desk.ledger, pid, end, until)
    parent.join(timeout=max(0.0, until - monotonic()))
    desk.ledger.expect(not parent.is_alive(), "a parent of forks hangs", f"{limit} s")
    return not parent.is_alive()


def _verify(desk: Desk) -> None:
    for _ in range(_CALLS):
        run_now(verify(desk))


def _fork(desk: Desk, number: int, limit: float) -> tuple[int, int]:
    """Start a child; return its id, and the pipe of its tally."""
    end, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there are threads, as with gunicorn
        pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, end
    try:
        _be_child(desk, number, theirs, limit)
    finally:
        os._exit(0)


def _be_child(desk: Desk, number: int, theirs: int, limit: float) -> None:
    """Act as a child, which may be refused by our error, but never answered wrong."""
    ledger = Ledger(desk.ledger.weather, refusals=(AuthorityError,))

    def tell(*_: object) -> None:
        with os.fdopen(theirs, "wb") as pipe:
            pickle.dump(ledger.tally, pipe)
        os._exit(0)

    def give_up(*_: object) -> None:
        ledger.tally.violate("a forked child hangs", f"{limit:.0f} s")
        tell()

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, limit)
    _verify(Desk(desk.door, ledger, desk.lives.copied(), desk.homes, Random(number)))
    ledger.count("calls of forked children", by=_CALLS)
    tell()


def _collect(ledger: Ledger, pid: int, end: int, until: float) -> None:
    with os.fdopen(end, "rb") as pipe:
        if not select([pipe], [], [], max(0.0, until - monotonic()))[0]:
            ledger.violate("a forked child hangs", "until it was killed")
            os.kill(pid, signal.SIGKILL)
        elif told := pipe.read():
            ledger.tally.add(pickle.loads(told))  # noqa: S301 -- of our own child
        else:
            ledger.violate("a forked child ends", "without a word")
    os.waitpid(pid, 0)
