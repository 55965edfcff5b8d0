"""`python -m tests.fuzz`: describes and runs random queries; exit 1 on an error."""

import argparse
import sys
import time
from collections.abc import Sequence

import psycopg

from authority_queries.codegen.throwaway import running_server
from tests.fuzz.laboratory import FILLINGS, laboratory
from tests.fuzz.report import report
from tests.fuzz.run import run_through_crashes
from tests.fuzz.showing import show

_SEEDS_APART = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    with running_server(options.server) as server:
        if options.only is not None:
            with laboratory(server, options.fillings) as databases:
                print(show(databases, options.only, shorter=options.shrink))
            return 0
        start = options.seed * _SEEDS_APART
        begun = time.monotonic()
        seeds = range(start, start + options.queries)
        tally = run_through_crashes(server, options.fillings, seeds)
        seconds = time.monotonic() - begun
        with psycopg.connect(server) as connection:
            version = str(connection.info.parameter_status("server_version"))
    for paragraph in report(tally, version, seconds):
        print(paragraph, end="\n\n")
    return 1 if tally.unsound else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--queries", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--server", help="libpq's connection string (else embedded)")
    parser.add_argument("--fillings", type=int, default=FILLINGS)
    parser.add_argument("--only", type=int, metavar="SEED", help="show one statement")
    parser.add_argument(
        "--shrink", action="store_true", help="make that one shorter, if it is wrong"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
