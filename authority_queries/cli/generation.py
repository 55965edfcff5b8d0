"""`authority generate`, `plans` and `format`: write what depends on the SQL files."""

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from authority_queries.codegen.errors import GenerationError, Outcome
from authority_queries.errors import ConfigurationError
from authority_queries.service.settings import Settings


def add_commands(add: Callable[[str, object, str], argparse.ArgumentParser]) -> None:
    """Add the three commands with `add`, which takes name, function and help."""
    text = "write typed Python modules for the SQL files"
    generating = add("generate", run_generate, text)
    text = "check how PostgreSQL executes the SQL files' queries"
    planning = add("plans", run_plans, text)
    text = "fill the column lists of queries that share a @row"
    formatting = add("format", run_format, text)
    for parser in (generating, planning, formatting):
        parser.add_argument(
            "--check", action="store_true", help="change nothing; exit 1 when stale"
        )
        parser.add_argument(
            "--config",
            type=Path,
            default=Path("pyproject.toml"),
            metavar="FILE",
            help="the pyproject.toml with [tool.authority] (default: ./pyproject.toml)",
        )
    for parser in (generating, planning):
        parser.add_argument(
            "--server",
            metavar="URL",
            help="create a throwaway database on this server (default: embedded)",
        )
    planning.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="print the plans of this file or query only, such as users or "
        "users.create, and keep all other plans; may be repeated",
    )


def run_generate(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Write the typed modules, or print which ones are stale."""
    try:
        # Imported here because the extra `generate` may be missing.
        from authority_queries.codegen import generate  # noqa: PLC0415 -- see above
    except ImportError as error:
        raise _not_installed() from error
    return _ended(
        lambda: generate.run(arguments.config, arguments.server, check=arguments.check)
    )


def run_plans(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Write the plans of all queries, or print which changed or break a rule."""
    try:
        from authority_queries.codegen.plans import check  # noqa: PLC0415 -- as in run_generate
    except ImportError as error:
        raise _not_installed() from error
    return _ended(
        lambda: check.run(
            arguments.config,
            arguments.server,
            check=arguments.check,
            only=arguments.only,
        )
    )


@contextmanager
def _steps_shown() -> Iterator[None]:
    """Print each step on stderr when it begins, if stderr is a terminal."""
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
    """Fill the column lists of queries with one `@row`, or print the stale ones."""
    try:
        from authority_queries.codegen.filling import fill  # noqa: PLC0415 -- as in run_generate
    except ImportError as error:
        raise _not_installed() from error
    return _ended(lambda: fill.run(arguments.config, check=arguments.check))


def _ended(run: Callable[[], Outcome]) -> int:
    """Run a command and return its exit code.

    Each error has a line of its own that begins with its place, which a terminal or an
    editor opens.
    """
    try:
        with _steps_shown():
            outcome = run()
    except GenerationError as error:
        print(error, file=sys.stderr)
        outcome = Outcome(text="", fault=_count(len(error.errors)))
    print(outcome.text, end="")
    if outcome.fault is None:
        return 0
    print(f"authority: {outcome.fault}", file=sys.stderr)
    return 1


def _count(errors: int) -> str:
    return "1 error" if errors == 1 else f"{errors} errors"


def _not_installed() -> ConfigurationError:
    return ConfigurationError(
        "the generator is not installed: pip install 'authority-queries[generate]'"
    )
