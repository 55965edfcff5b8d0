"""`authority backfill`: changes the rows of all tenants in batches."""

import argparse
import math
import sys
from pathlib import Path

import psycopg
from psycopg.errors import QueryCanceled

from authority_queries.cli.maintaining import incomplete_code
from authority_queries.cli.progress import Stop
from authority_queries.errors import (
    BackfillError,
    ConfigurationError,
    InvalidArgumentError,
    UnavailableError,
)
from authority_queries.service.backend import running_backend
from authority_queries.service.backfill_reports import BackfillReport, Pace
from authority_queries.service.backfills import Backfill
from authority_queries.service.retention import check_batch_size
from authority_queries.service.settings import Settings

_PACE = Pace()
_SHORTEST = 0.001  # seconds; PostgreSQL takes 0 for no limit
_EPILOG = (
    "FILE has one statement that changes at most :batch_size rows of :tenant_id, and "
    "returns their keys (docs/migrations.md). Log in as the owner of the database. A "
    "run that ended early can be repeated. Exit codes: 0 no row is left, 1 rows are "
    "left or the statement was refused, 2 wrong use, 130 and 143 a signal ended it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `authority backfill`."""
    parser.epilog = _EPILOG
    parser.add_argument("file", type=Path, metavar="FILE", help="the statement")
    for name, kind, default, metavar, text in (
        ("--batch-size", int, _PACE.batch_size, "ROWS", "rows in one transaction"),
        ("--pause", float, _PACE.pause, "SECONDS", "wait after each batch"),
        (
            "--lock-timeout",
            float,
            _PACE.lock_timeout,
            "SECONDS",
            "roll back a batch that waits longer for a lock, and try it again",
        ),
    ):
        parser.add_argument(
            name,
            type=kind,
            default=default,
            metavar=metavar,
            help=f"{text} (default: {default})",
        )
    parser.add_argument("--quiet", action="store_true", help="print no progress")


def run_backfill(settings: Settings, arguments: argparse.Namespace) -> int:
    """Run the statement. Print the progress on stderr and the result on stdout.

    Raises ConfigurationError for arguments that are not allowed, BackfillError,
    UnavailableError.
    """
    backfill, pace = _parsed(arguments, settings)
    stop = Stop()
    try:
        with running_backend(settings) as conninfo, stop.on_signals():
            report = backfill.run(
                conninfo,
                pace,
                progress=None if arguments.quiet else _show,
                stop=stop,
            )
    except psycopg.OperationalError as error:
        if error.sqlstate is None:
            message = f"the connection to {settings.describe()} failed: {error}"
            raise UnavailableError(message) from error
        why = str(error).partition("\n")[0]
        if isinstance(error, QueryCanceled):
            why += (
                ": use a smaller --batch-size or a longer AUTHORITY_STATEMENT_TIMEOUT"
            )
        message = f"{backfill.name}: {why}; earlier batches are committed"
        raise BackfillError(message) from error
    print(_line(report))
    if report.is_complete:
        return 0
    print("authority: more may be left: run it again", file=sys.stderr)
    return incomplete_code(stop)


def _parsed(arguments: argparse.Namespace, settings: Settings) -> tuple[Backfill, Pace]:
    if not 0 <= arguments.pause < math.inf:
        message = f"--pause must be at least 0, not {arguments.pause}"
        raise ConfigurationError(message)
    if not _SHORTEST <= arguments.lock_timeout < math.inf:
        least, given = _SHORTEST, arguments.lock_timeout
        message = f"--lock-timeout must be at least {least}, not {given}"
        raise ConfigurationError(message)
    try:
        pace = Pace(
            batch_size=check_batch_size(arguments.batch_size),
            pause=arguments.pause,
            lock_timeout=arguments.lock_timeout,
            statement_timeout=settings.statement_timeout,
        )
        return Backfill(arguments.file), pace
    except InvalidArgumentError as error:
        raise ConfigurationError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        message = f"{arguments.file} cannot be read: {error}"
        raise ConfigurationError(message) from error


def _show(report: BackfillReport) -> None:
    """Print the progress: one line that a terminal replaces."""
    begin, end = ("\r\x1b[K", "") if sys.stderr.isatty() else ("", "\n")
    print(f"{begin}{_line(report)}", end=end, file=sys.stderr, flush=True)


def _line(report: BackfillReport) -> str:
    retries = f", {report.retries:,} retries" if report.retries else ""
    return (
        f"{report.tenants:,} of {report.all:,} tenants, {report.rows:,} rows, "
        f"{report.batches:,} batches, {report.seconds:.1f} s{retries}"
    )
