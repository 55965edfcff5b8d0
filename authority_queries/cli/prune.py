"""`authority prune`: what is over is deleted, in batches, until nothing is left."""

import argparse
import sys
from datetime import timedelta

from tabulate import tabulate

from authority_queries.cli.progress import Progress, Stop
from authority_queries.engine.checks import LONGEST
from authority_queries.errors import ConfigurationError, InvalidArgumentError
from authority_queries.service.retention import (
    STEPS,
    PruneReport,
    Retention,
    check_batch_size,
    chosen_steps,
)
from authority_queries.service.settings import Settings

_HEADERS = ("step", "rows", "batches", "seconds", "state")
_STATES = {"done": "done", "unfinished": "more may be left", "failed": "failed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    kept = Retention()
    parser.epilog = (
        f"Steps: {', '.join(STEPS)}. Log in as a member of authority_maintenance. Any "
        "number of runs may go on at once. Exit codes: 0 nothing is left, 1 something "
        "is left or failed, 2 wrong use, 130 and 143 ended by a signal before that."
    )

    def add(name: str, kind: type, default: object, metavar: str, text: str) -> None:
        shown = "" if default is None else f" (default: {default})"
        parser.add_argument(
            name, type=kind, default=default, metavar=metavar, help=text + shown
        )

    day = timedelta(days=1)
    add("--batch-size", int, 1000, "ROWS", "rows that one transaction deletes")
    add("--time-limit", float, None, "SECONDS", "begin no batch after this time")
    for name, default, text in (
        (
            "expired",
            kept.expired,
            "what has ended: tokens, families, roles, requests",
        ),
        ("consents", kept.consents, "consents that were revoked"),
        ("attempts", kept.login_attempts, "the log of sign-ins"),
        ("usage", kept.usage, "uses of licences"),
    ):
        add(f"--keep-{name}", float, default / day, "DAYS", f"keep {text}")
    add(
        "--months-ahead",
        int,
        kept.months_ahead,
        "MONTHS",
        "make the sign-in log's partitions of so many months to come",
    )
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="STEP", help="take these steps alone"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="say nothing unless something is left"
    )


def run_prune(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prune, tell the progress on stderr and the result on stdout.

    Raises ConfigurationError for arguments that are not allowed, UnavailableError,
    PermissionDeniedError.
    """
    retention, limit = _checked(arguments)
    stop = Stop()
    # Imported here: the command line must run when generated modules are stale.
    from authority_queries import Maintenance  # noqa: PLC0415 -- because of that

    one = settings.model_copy(update={"pool_min_size": 1, "pool_max_size": 1})
    with Maintenance.open(one) as maintenance, stop.by_signal():
        report = maintenance.prune(
            retention=retention,
            batch_size=arguments.batch_size,
            time_limit=limit,
            only=arguments.only,
            progress=None if arguments.quiet else Progress(),
            stop=stop,
        )
    if not (arguments.quiet and report.is_complete):
        _tell(report)
    if report.is_complete:
        return 0
    return 1 if stop.number is None else 128 + stop.number


def _checked(arguments: argparse.Namespace) -> tuple[Retention, timedelta | None]:
    try:
        check_batch_size(arguments.batch_size)
        chosen_steps(arguments.only)
        retention = Retention(
            expired=_days("--keep-expired", arguments.keep_expired),
            consents=_days("--keep-consents", arguments.keep_consents),
            login_attempts=_days("--keep-attempts", arguments.keep_attempts),
            usage=_days("--keep-usage", arguments.keep_usage),
            months_ahead=arguments.months_ahead,
        )
    except InvalidArgumentError as error:
        raise ConfigurationError(str(error)) from error
    seconds = arguments.time_limit
    if seconds is None:
        return retention, None
    most = LONGEST.total_seconds()
    if not 0 < seconds <= most:
        message = f"--time-limit is {seconds}; a time above 0 is allowed, up to {most}"
        raise ConfigurationError(message)
    return retention, timedelta(seconds=seconds)


def _days(name: str, days: float) -> timedelta:
    if not 0 <= days <= LONGEST.days:
        message = f"{name} is {days}; 0 to {LONGEST.days} days are allowed"
        raise ConfigurationError(message)
    return timedelta(days=days)


def _tell(report: PruneReport) -> None:
    lines = [
        (step.step, step.rows, step.batches, step.seconds, _STATES[step.outcome])
        for step in report.steps
    ]
    formats = ("", "", "", ".1f", "")
    print(tabulate(lines, headers=_HEADERS, tablefmt="simple", floatfmt=formats))
    for step in report.steps:
        if step.error:
            print(f"authority: {step.step}: {step.error}", file=sys.stderr)
    if left := [step.step for step in report.steps if step.outcome == "unfinished"]:
        print(f"authority: more may be left of {', '.join(left)}", file=sys.stderr)
