"""Services in processes of their own that a signal interrupts, or that fork."""

from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import TypeAlias

import psutil

from tests.soak.forks import fork_and_verify
from tests.soak.interrupts import work_interrupted
from tests.soak.plan import Plan
from tests.soak.server_and_proxy import Stage
from tests.soak.tally import Tally
from tests.stores import Logins

Service: TypeAlias = Callable[[Plan, Logins, str], Tally]
# Children of a process without threads.
_PROCESSES = get_context("forkserver")


def run_interrupts(stage: Stage, plan: Plan) -> Tally:
    """Let a service work whose main thread is interrupted again and again."""
    return _run(work_interrupted, stage, plan)


def run_forks(stage: Stage, plan: Plan) -> Tally:
    """Let a service fork after it has opened its pool."""
    return _run(fork_and_verify, stage, plan)


def _run(service: Service, stage: Stage, plan: Plan) -> Tally:
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(
        target=_serve, args=(service, plan, stage.logins, stage.service, theirs)
    )
    process.start()
    theirs.close()
    tally = Tally()
    try:
        limit = plan.fault_seconds + 16 * plan.patience
        if ours.poll(limit):
            tally = ours.recv()
        else:
            tally.violate("a process hangs", f"{service.__name__}: {limit:.0f} s")
    except EOFError:
        tally.violate("a process ends", service.__name__)
    finally:
        process.join(timeout=plan.patience)
        _kill(process)
    return tally


def _kill(process: ForkServerProcess) -> None:
    """End it, if it has not ended, with the children that it may have left."""
    if process.is_alive() and process.pid is not None:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
    process.join()


def _serve(
    service: Service, plan: Plan, logins: Logins, conninfo: str, pipe: Connection
) -> None:
    pipe.send(service(plan, logins, conninfo))
