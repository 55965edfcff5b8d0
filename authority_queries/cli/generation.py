"""`authority generate`, `plans` and `format`: write what depends on the SQL files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from authority_queries.errors import ConfigurationError
from authority_queries.service.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of all three commands."""
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
    """Add the option of commands that need a server."""
    parser.add_argument(
        "--server",
        metavar="URL",
        help="a server to make a throwaway database on; default: an embedded one",
    )


def run_generate(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Write the typed modules, or print which ones are stale."""
    try:
        # Imported here because the extra `generate` may be missing.
        from authority_queries.codegen import generate  # noqa: PLC0415 -- see above
    except ImportError as error:
        raise _not_installed() from error
    outcome = generate.run(arguments.config, arguments.server, check=arguments.check)
    return _print_outcome(outcome.text, outcome.fault)


def run_plans(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Write the plans of all queries, or print which changed or break a rule."""
    try:
        from authority_queries.codegen.plans import check  # noqa: PLC0415 -- as in run_generate
    except ImportError as error:
        raise _not_installed() from error
    outcome = check.run(arguments.config, arguments.server, check=arguments.check)
    return _print_outcome(outcome.text, outcome.fault)


def run_format(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Fill the column lists of queries with one `@row`, or print the stale ones."""
    try:
        from authority_queries.codegen.filling import fill  # noqa: PLC0415 -- as in run_generate
    except ImportError as error:
        raise _not_installed() from error
    outcome = fill.run(arguments.config, check=arguments.check)
    return _print_outcome(outcome.text, outcome.fault)


def _print_outcome(text: str, fault: str | None) -> int:
    print(text, end="")
    if fault is None:
        return 0
    print(f"authority: {fault}", file=sys.stderr)
    return 1


def _not_installed() -> ConfigurationError:
    return ConfigurationError(
        "the generator is not installed: pip install 'authority-queries[generate]'"
    )
