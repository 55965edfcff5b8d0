"""`authority migrate`: applies the pending migrations."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from types import FrameType
from typing import Final

from authority_queries.errors import ConfigurationError
from authority_queries.service.backend import running_backend
from authority_queries.service.migration_reports import (
    MigrationProgress,
    ignore_progress,
)
from authority_queries.service.migrations import LOCK_WAIT, RETRY_TIME, migrate
from authority_queries.service.settings import Settings

_EPILOG = (
    "Exit codes: 0 nothing is left to apply, 1 failed, 2 wrong use, 130 and 143 a "
    "signal ended the run: the running migration was rolled back."
)


# Seconds within which a repeated signal counts as the same.
_SAME_SIGNAL: Final = 1.0


class _Stopped(KeyboardInterrupt):
    """A signal has arrived. psycopg cancels its statement for KeyboardInterrupt."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--break-lock",
        action="store_true",
        help="remove yoyo's lock without proof that its run is dead; first make sure "
        "that no run is active",
    )
    parser.add_argument(
        "--lock-wait",
        type=float,
        default=LOCK_WAIT.total_seconds(),
        metavar="SECONDS",
        help="how long another run may hold yoyo's lock (default: %(default)g)",
    )
    parser.add_argument(
        "--retry-for",
        type=float,
        default=RETRY_TIME.total_seconds(),
        metavar="SECONDS",
        help="how long to retry a migration after a lock timeout or a deadlock "
        "(default: %(default)g)",
    )
    parser.add_argument("--quiet", action="store_true", help="print no progress")


def run_migrate(settings: Settings, arguments: argparse.Namespace) -> int:
    """Migrate. Print the progress on stderr and the result on stdout.

    Raises ConfigurationError for arguments that are not allowed, MigrationError,
    UnavailableError.
    """
    lock_wait = _seconds("--lock-wait", arguments.lock_wait)
    retry_for = _seconds("--retry-for", arguments.retry_for)
    try:
        with running_backend(settings) as conninfo, _stopping():
            applied = migrate(
                conninfo,
                break_lock=arguments.break_lock,
                lock_wait=lock_wait,
                retry_for=retry_for,
                progress=ignore_progress if arguments.quiet else _print_progress,
            )
    except _Stopped as stopped:
        name = signal.Signals(stopped.number).name
        message = f"authority: {name} ended the run, which can be repeated"
        print(message, file=sys.stderr)
        return 128 + stopped.number
    for migration in applied:
        print(f"applied {migration}")
    print(f"{len(applied)} applied on {settings.describe()}")
    return 0


def _seconds(option: str, seconds: float) -> timedelta:
    if not 0 <= seconds <= timedelta(days=1).total_seconds():
        message = f"{option} must be 0 to 86400 seconds, not {seconds:g}"
        raise ConfigurationError(message)
    return timedelta(seconds=seconds)


def _print_progress(event: MigrationProgress) -> None:
    line = {
        "applied": f"{event.migration}: {event.seconds:.1f} s",
        "retrying": f"{event.migration}: {event.why}; next try in "
        f"{event.seconds:.1f} s",
        "waiting": f"waiting: {event.why}",
        "released": f"released yoyo's lock of a dead run, {event.why}",
    }[event.outcome]
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _stopping() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise _Stopped. A later signal ends the process.

    `timeout` sends its signal twice, to the process and to its group. The second one
    may arrive while the process ends, so the handlers stay after the first one.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    stopped_at: float | None = None

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal stopped_at
        if stopped_at is None:
            stopped_at = monotonic()
            raise _Stopped(number)
        if monotonic() - stopped_at >= _SAME_SIGNAL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        if stopped_at is None:
            for number, handler in before.items():
                signal.signal(number, handler)
