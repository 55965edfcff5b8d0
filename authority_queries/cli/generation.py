"""`authority generate`, `plans` and `format`: what follows from the SQL files."""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from authority_queries.errors import ConfigurationError
from authority_queries.service.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what all three commands take."""
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 when stale"
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("pyproject.toml"),
        metavar="FILE",
        help="the pyproject.toml with [tool.authority] (default: the one here)",
    )


def add_server_argument(parser: argparse.ArgumentParser) -> None:
    """Add what a command takes that asks a server."""
    parser.add_argument(
        "--server",
        metavar="URL",
        help="a server to make a throwaway database on; default: an embedded one",
    )


def add_only_argument(parser: argparse.ArgumentParser) -> None:
    """Add what a command takes that can leave out queries."""
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="a file or a query, such as users or users.create: print its plans, and "
        "leave those of the others as they are; may be repeated",
    )


def run_generate(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Write the typed modules, or say what is stale."""
    try:
        # An extra of the package: it brings what only the generator needs.
        from authority_queries.codegen import generate  # noqa: PLC0415 -- because of it
    except ImportError as error:
        raise _not_installed() from error
    with _steps_shown():
        outcome = generate.run(
            arguments.config, arguments.server, check=arguments.check
        )
    return _told(outcome.text, outcome.fault)


def run_plans(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Write the plans of all queries, or say what has changed or breaks a rule."""
    try:
        from authority_queries.codegen.plans import check  # noqa: PLC0415 -- because of the extra, as above
    except ImportError as error:
        raise _not_installed() from error
    with _steps_shown():
        outcome = check.run(
            arguments.config,
            arguments.server,
            check=arguments.check,
            only=arguments.only,
        )
    return _told(outcome.text, outcome.fault)


@contextmanager
def _steps_shown() -> Iterator[None]:
    """Print each step on stderr when it begins, if that is a terminal."""
    logger = logging.getLogger("authority_queries.codegen")
    handler = logging.StreamHandler(sys.stderr)
    if sys.stderr.isatty():
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def run_format(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Fill the column lists of queries with one `@row`, or name the stale ones."""
    try:
        from authority_queries.codegen.filling import fill  # noqa: PLC0415 -- because of the extra, as above
    except ImportError as error:
        raise _not_installed() from error
    outcome = fill.run(arguments.config, check=arguments.check)
    return _told(outcome.text, outcome.fault)


def _told(text: str, fault: str | None) -> int:
    print(text, end="")
    if fault is None:
        return 0
    print(f"authority: {fault}", file=sys.stderr)
    return 1


def _not_installed() -> ConfigurationError:
    return ConfigurationError(
        "the generator is not installed: pip install 'authority-queries[generate]'"
    )
