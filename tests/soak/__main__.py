"""`python -m tests.soak`: services at work, under faults; exit 1 on a violation."""

import argparse
import logging
import sys
import time
from collections.abc import Sequence

from tests.soak.canaries import CANARIES
from tests.soak.plan import FAULTS, Plan
from tests.soak.report import report
from tests.soak.run import run
from tests.soak.server_and_proxy import opened_stage


def main(arguments: Sequence[str] | None = None) -> int:
    plan = _plan(arguments)
    # The faults cause the warnings of the driver and the pool on purpose.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    logging.getLogger("authority_queries").setLevel(logging.ERROR)
    with opened_stage() as stage:
        begun = time.monotonic()
        tally = run(stage, plan)
        seconds = time.monotonic() - begun
        with stage.dba() as dba:
            server = str(dba.info.parameter_status("server_version"))
    for paragraph in report(tally, plan, server, seconds):
        print(paragraph, end="\n\n")
    return 1 if tally.violations else 0


def _plan(arguments: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    kept = Plan()
    parser.add_argument("--minutes", type=float, default=kept.seconds / 60)
    parser.add_argument(
        "--faults",
        nargs="+",
        default=[],
        choices=["all", *FAULTS],
        metavar="FAULT",
        help=f"all, or some of {', '.join(FAULTS)}",
    )
    parser.add_argument("--seed", type=int, default=kept.seed)
    parser.add_argument("--threads", type=int, default=kept.threads)
    parser.add_argument("--tasks", type=int, default=kept.tasks)
    parser.add_argument("--tenants", type=int, default=kept.homes)
    parser.add_argument("--pool-size", type=int, default=kept.pool_size)
    parser.add_argument("--pace", type=float, default=kept.pace, metavar="SECONDS")
    parser.add_argument(
        "--fault-seconds", type=float, default=kept.fault_seconds, metavar="SECONDS"
    )
    parser.add_argument("--canaries", nargs="+", default=[], choices=[*CANARIES])
    given = parser.parse_args(arguments)
    return Plan(
        seconds=60 * given.minutes,
        seed=given.seed,
        faults=FAULTS if "all" in given.faults else given.faults,
        threads=given.threads,
        tasks=given.tasks,
        homes=given.tenants,
        pool_size=given.pool_size,
        pace=given.pace,
        fault_seconds=given.fault_seconds,
        canaries=given.canaries,
    )


if __name__ == "__main__":
    sys.exit(main())
