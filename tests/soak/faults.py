"""The faults, one at a time, with calm weather between them."""

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic, sleep
from typing import Final

import psutil
from psycopg.conninfo import conninfo_to_dict

from tests.soak.fault_times import Storm
from tests.soak.ledger import Ledger
from tests.soak.plan import FaultName, Plan
from tests.soak.processes import run_forks, run_interrupts
from tests.soak.proxy import Mode
from tests.soak.server_and_proxy import Stage

_BACKENDS = """
select pid from pg_stat_activity
where datname = current_database() and application_name = 'authority'
"""
_END = "select pg_terminate_backend(%s, 2000)"
# Until the end of a connection has been noticed through the proxy.
_NEWS = 0.1


class Faults:
    """Makes faults, and reports their times to the ledger."""

    def __init__(
        self, plan: Plan, stage: Stage, ledger: Ledger, cancelling: Event
    ) -> None:
        self._plan = plan
        self._stage = stage
        self._ledger = ledger
        self._cancelling = cancelling
        self._chance = Random(plan.seed)

    def run(self) -> None:
        """Make the chosen faults in turn, each at least once, until the time is up."""
        end = monotonic() + self._plan.seconds
        is_first = True
        while self._plan.faults and (is_first or monotonic() < end):
            names = [*self._plan.faults]
            self._chance.shuffle(names)
            for name in names:
                if not is_first and monotonic() >= end:
                    return
                sleep(self._plan.calm_seconds * (0.5 + self._chance.random()))
                self.make(name)
            is_first = False
        sleep(max(0.0, end - monotonic()))

    def make(self, name: FaultName) -> None:
        _MAKE[name](self)
        with self._ledger.lock:
            self._ledger.tally.faults[name] += 1

    def kill(self) -> None:
        """End connections of services, whatever they do, one after the other."""
        end = monotonic() + self._plan.fault_seconds
        with self._stage.dba() as dba:
            while monotonic() < end:
                pids = [pid for (pid,) in dba.execute(_BACKENDS)]
                with self._storm("kill"):
                    for pid in pids:
                        if self._chance.random() < 0.5:
                            dba.execute(_END, (pid,))
                            self._ledger.count("connections killed")
                sleep(5 * _NEWS)

    def crash(self) -> None:
        cluster = self._stage.cluster
        assert cluster is not None, "the server is shared: a fault may not kill it"
        with self._storm("crash"):
            cluster.kill()
            sleep(self._chance.random())
            cluster.start()

    def freeze(self) -> None:
        seconds = self._plan.fault_seconds
        with self._storm("freeze"):
            processes = _processes(self._stage)
            for process in processes:
                process.send_signal(signal.SIGSTOP)
            try:
                sleep(seconds)
            finally:
                for process in processes:
                    process.send_signal(signal.SIGCONT)

    def spoil(self, *modes: Mode) -> None:
        """Let the proxy do it, for the time of a fault."""
        seconds = self._plan.fault_seconds
        with self._storm(modes[0]):
            try:
                for mode in modes:
                    self._stage.proxy.turn_to(mode)
                    sleep(seconds / len(modes))
            finally:
                self._stage.proxy.turn_to("pass")

    def cancel(self) -> None:
        """This is no storm: a call that is not cancelled must notice nothing."""
        self._cancelling.set()
        sleep(self._plan.fault_seconds)
        self._cancelling.clear()

    def interrupt(self) -> None:
        self._ledger.tally.add(run_interrupts(self._stage, self._plan))

    def fork(self) -> None:
        self._ledger.tally.add(run_forks(self._stage, self._plan))

    def _storm(self, name: str) -> AbstractContextManager[Storm]:
        return self._ledger.weather.storm(name, grace=_NEWS)


_MAKE: Final[dict[FaultName, Callable[[Faults], None]]] = {
    "kill": Faults.kill,
    "crash": Faults.crash,
    "freeze": Faults.freeze,
    "refuse": lambda faults: faults.spoil("refuse"),
    "halve": lambda faults: faults.spoil("halve answers"),
    "lose": lambda faults: faults.spoil("lose requests", "lose answers"),
    "silence": lambda faults: faults.spoil("silence"),
    "cancel": Faults.cancel,
    "interrupt": Faults.interrupt,
    "fork": Faults.fork,
}


def _processes(stage: Stage) -> list[psutil.Process]:
    """Return the server's processes, the postmaster first."""
    folder = Path(str(conninfo_to_dict(stage.logins.dba)["host"]))
    pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
    postmaster = psutil.Process(pid)
    return [postmaster, *postmaster.children(recursive=True)]
