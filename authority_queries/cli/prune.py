"""`authority prune`: deletes expired data in batches until none is left."""

import argparse
import sys
from datetime import timedelta

from tabulate import tabulate

from authority_queries.cli.maintaining import days_of, incomplete_code, open_maintenance
from authority_queries.cli.progress import Progress, Stop
from authority_queries.engine.checks import LONGEST
from authority_queries.errors import ConfigurationError, InvalidArgumentError
from authority_queries.service.retention import (
    STEPS,
    PruneReport,
    Retention,
    check_batch_size,
    check_max_load,
    chosen_steps,
)
from authority_queries.service.settings import Settings

_HEADERS = ("step", "rows", "batches", "seconds", "state")
_STATES = {"done": "done", "unfinished": "more may be left", "failed": "failed"}


_KEPT = Retention()
_DAY = timedelta(days=1)
# Name, type, default, metavar and help of each option with a value.
_OPTIONS = (
    ("--batch-size", int, 1000, "ROWS", "rows that one transaction deletes"),
    (
        "--max-load",
        float,
        1.0,
        "SHARE",
        "pause after each batch, so that batches take this share of the time",
    ),
    ("--time-limit", float, None, "SECONDS", "begin no batch after this time"),
    (
        "--keep-expired",
        float,
        _KEPT.expired / _DAY,
        "DAYS",
        "keep expired tokens, families, roles and requests",
    ),
    ("--keep-consents", float, _KEPT.consents / _DAY, "DAYS", "keep revoked consents"),
    ("--keep-attempts", float, _KEPT.login_attempts / _DAY, "DAYS", "keep sign-ins"),
    ("--keep-audit", float, _KEPT.audit_events / _DAY, "DAYS", "keep audit events"),
    ("--keep-usage", float, _KEPT.usage / _DAY, "DAYS", "keep uses of licences"),
    (
        "--months-ahead",
        int,
        _KEPT.months_ahead,
        "MONTHS",
        "create partitions of the logs for this many months to come",
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `authority prune`."""
    parser.epilog = (
        f"Steps: {', '.join(STEPS)}. Log in as a member of authority_maintenance. Any "
        "number of runs may work at once. Exit codes: 0 nothing is left, 1 something "
        "is left or a step failed, 2 wrong use, 130 and 143 a signal ended the run."
    )
    for name, kind, default, metavar, text in _OPTIONS:
        shown = "" if default is None else f" (default: {default})"
        parser.add_argument(
            name, type=kind, default=default, metavar=metavar, help=text + shown
        )
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="STEP", help="run only these steps"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print nothing unless something is left"
    )


def run_prune(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prune. Print the progress on stderr and the result on stdout.

    Raises ConfigurationError for arguments that are not allowed, UnavailableError,
    PermissionDeniedError.
    """
    retention, limit = _parsed(arguments)
    stop = Stop()
    with open_maintenance(settings, stop) as maintenance:
        report = maintenance.prune(
            retention=retention,
            batch_size=arguments.batch_size,
            time_limit=limit,
            only=arguments.only,
            max_load=arguments.max_load,
            progress=None if arguments.quiet else Progress(),
            stop=stop,
        )
    if not (arguments.quiet and report.is_complete):
        _print_report(report)
    if report.is_complete:
        return 0
    return incomplete_code(stop)


def _parsed(arguments: argparse.Namespace) -> tuple[Retention, timedelta | None]:
    try:
        check_batch_size(arguments.batch_size)
        check_max_load(arguments.max_load)
        chosen_steps(arguments.only)
        retention = Retention(
            expired=days_of("--keep-expired", arguments.keep_expired),
            consents=days_of("--keep-consents", arguments.keep_consents),
            login_attempts=days_of("--keep-attempts", arguments.keep_attempts),
            audit_events=days_of("--keep-audit", arguments.keep_audit),
            usage=days_of("--keep-usage", arguments.keep_usage),
            months_ahead=arguments.months_ahead,
        )
    except InvalidArgumentError as error:
        raise ConfigurationError(str(error)) from error
    seconds = arguments.time_limit
    if seconds is None:
        return retention, None
    most = LONGEST.total_seconds()
    if not 0 < seconds <= most:
        message = f"--time-limit must be more than 0 and at most {most}, not {seconds}"
        raise ConfigurationError(message)
    return retention, timedelta(seconds=seconds)


def _print_report(report: PruneReport) -> None:
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
