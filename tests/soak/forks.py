"""A service that opens its pool, and then forks, as gunicorn does with preload."""

import os
import pickle
import warnings
from random import Random
from select import select
from signal import SIGKILL
from threading import Thread
from time import monotonic

from authority_queries import Authority
from authority_queries.errors import AuthorityError
from tests.soak.doors import Threads, run_now
from tests.soak.homes import make_homes
from tests.soak.keeping import Lives
from tests.soak.ledger import Ledger
from tests.soak.plan import Plan
from tests.soak.pools import count_usable
from tests.soak.redeeming import redeem
from tests.soak.tally import Tally
from tests.soak.token_work import Desk, issue_code, make_access, revoke, verify
from tests.soak.weather import Weather
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
            if not _fork_once(desk, 2 * ledger.weather.calm):
                return ledger.tally
        lost = plan.pool_size - count_usable(authority, homes[0].tenant_id)
        ledger.expect(not lost, "connections are lost", f"forks: {lost}")
        ledger.count("connections lost, forks", by=lost)
    return ledger.tally


def _fork_once(desk: Desk, limit: float) -> bool:
    """Let children verify while the parent does; tell whether the parent has come out.

    It does so in a thread, which is given up when it hangs.
    """
    children = [_fork(desk, number) for number in range(CHILDREN)]
    parent = Thread(target=_verify, args=(desk,), daemon=True)
    parent.start()
    for pid, end in children:
        _collect(desk.ledger, pid, end, limit)
    parent.join(timeout=limit)
    desk.ledger.expect(not parent.is_alive(), "a parent of forks hangs", f"{limit} s")
    return not parent.is_alive()


def _verify(desk: Desk) -> None:
    for _ in range(_CALLS):
        run_now(verify(desk))


def _fork(desk: Desk, number: int) -> tuple[int, int]:
    """Start a child; give its id, and where it tells its tally."""
    end, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # psycopg_pool has threads, as with gunicorn
        pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, end
    try:
        tally = _verify_as_child(desk, number)
        with os.fdopen(theirs, "wb") as pipe:
            pickle.dump(tally, pipe)
    finally:
        os._exit(0)


def _verify_as_child(desk: Desk, number: int) -> Tally:
    """A child may be refused, by an error of ours, but never answered wrong."""
    ledger = Ledger(desk.ledger.weather, refusals=(AuthorityError,))
    child = Desk(desk.door, ledger, desk.lives, desk.homes, Random(number))
    _verify(child)
    ledger.count("calls of forked children", by=_CALLS)
    return ledger.tally


def _collect(ledger: Ledger, pid: int, end: int, limit: float) -> None:
    with os.fdopen(end, "rb") as pipe:
        if not select([pipe], [], [], limit)[0]:
            ledger.violate("a forked child hangs", f"{limit:.0f} s")
            os.kill(pid, SIGKILL)
        elif told := pipe.read():
            ledger.tally.add(pickle.loads(told))  # noqa: S301 -- of our own child
        else:
            ledger.violate("a forked child ends", "without a word")
    os.waitpid(pid, 0)
