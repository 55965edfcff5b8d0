"""One run: work, faults and upkeep at once, and the assertions at its end."""

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import psutil
import psycopg

from authority_queries import Authority
from tests.soak.canaries import CANARIES
from tests.soak.fault_times import Weather
from tests.soak.faults import Faults
from tests.soak.feed import Feeds
from tests.soak.ledger import Ledger
from tests.soak.plan import Plan
from tests.soak.pruning_and_dumps import audit_rows, dump_and_restore, prune
from tests.soak.server_and_proxy import Stage
from tests.soak.tally import Tally
from tests.soak.tenants import make_homes
from tests.soak.workers import Crew

# A process may grow by so much after the first third of a run.
_GROWTH = 1.5
_LEFT = """
select from pg_stat_activity
where datname = current_database() and application_name = 'authority'
"""


def run(stage: Stage, plan: Plan) -> Tally:
    """Run as planned, and return the sums."""
    ledger = Ledger(Weather(plan.settings(stage.service)))
    feeds = Feeds(ledger, make_homes(stage.logins, plan.homes))
    crew = Crew(plan, ledger, stage.service, feeds)
    faults = Faults(plan, stage, ledger, crew.cancelling)
    with _beside(stage, plan, ledger, crew.stop), ExitStack() as stack:

        def meanwhile(authority: Authority) -> None:
            for name in plan.canaries:
                CANARIES[name](stack, stage, crew, authority)
            faults.run()

        crew.run(meanwhile)
    audit_rows(stage, ledger)
    for feed in feeds.by_tenant.values():
        feed.audit(feeds.followers)
    _audit_server(stage, ledger)
    return ledger.tally


@contextmanager
def _beside(stage: Stage, plan: Plan, ledger: Ledger, stop: Event) -> Iterator[None]:
    """Prune, dump and watch until told to stop; watch until the block ends."""
    over = Event()
    threads = [
        Thread(target=_watch, args=(ledger, over), daemon=True),
        Thread(target=_keep_up, args=(stage, plan, ledger, stop), daemon=True),
        Thread(target=_dump, args=(stage, plan, ledger, stop), daemon=True),
    ]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join(timeout=6 * plan.patience)
        ledger.expect(not thread.is_alive(), "work does not end", "upkeep")


def _watch(ledger: Ledger, over: Event) -> None:
    """Look for calls that hang, and at the size of this process."""
    process, sizes = psutil.Process(), []
    while not over.wait(0.5):
        ledger.watch()
        sizes.append(process.memory_info().rss / (1 << 20))
    third = len(sizes) // 3
    if third:
        # After the first third, pools and the ledger have their size.
        told = (sizes[0], sizes[third], sizes[-1], max(sizes))
        ledger.tally.sizes["MB"] = told
        is_small = sizes[-1] < _GROWTH * sizes[third]
        ledger.expect(is_small, "memory grows", f"{told}")


def _keep_up(stage: Stage, plan: Plan, ledger: Ledger, stop: Event) -> None:
    prune(plan.settings(stage.operator), ledger, stop)


def _dump(stage: Stage, plan: Plan, ledger: Ledger, stop: Event) -> None:
    while plan.dumps and not stop.wait(1.0):
        dump_and_restore(stage, ledger)
        stop.wait(plan.seconds / 10)


def _audit_server(stage: Stage, ledger: Ledger) -> None:
    """The pools are closed: the server must have no connection of theirs.

    A cycle of references may keep one, of a call that was cancelled while it connected,
    until Python collects it.
    """
    with stage.dba() as dba:
        forgotten = _count_left(dba, seconds=2)
        gc.collect()
        left = _count_left(dba, seconds=5)
    ledger.count("connections left to the collector", by=forgotten - left)
    ledger.expect(not left, "connections are left at the server", str(left))


def _count_left(dba: "psycopg.Connection[Any]", seconds: float) -> int:
    end = monotonic() + seconds
    while (left := dba.execute(_LEFT).rowcount) and monotonic() < end:
        sleep(0.05)
    return left
