"""`authority generate` and `authority plans`: what follows from the SQL files."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from authority_queries.errors import ConfigurationError
from authority_queries.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what both commands take."""
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
    parser.add_argument(
        "--server",
        metavar="URL",
        help="a server to make a throwaway database on; default: an embedded one",
    )


def run_generate(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Write the typed modules, or say what is stale."""
    _need_extra()
    from authority_queries.codegen.generate import (  # noqa: PLC0415 -- see _need_extra
        generate,
        read,
        stale,
        write,
    )
    from authority_queries.codegen.staleness import (  # noqa: PLC0415 -- see _need_extra
        concerned_queries,
    )

    started = time.monotonic()
    files = generate(read(arguments.config), arguments.server)
    difference = stale(files)
    if difference and arguments.check:
        print(difference, end="")
        names = ", ".join(concerned_queries(files)) or "none"
        print(
            f"authority: stale (queries concerned: {names}): `authority generate`",
            file=sys.stderr,
        )
        return 1
    if difference:
        write(files)
    seconds = time.monotonic() - started
    state = "written" if difference else "up to date"
    print(f"{len(files)} modules {state} in {seconds:.1f} s")
    return 0


def run_plans(_: Settings, arguments: argparse.Namespace, __: Sequence[str]) -> int:
    """Write the plans of all queries, or say what has changed or breaks a rule."""
    _need_extra()
    from authority_queries.codegen.generate import (  # noqa: PLC0415 -- see _need_extra
        read,
    )
    from authority_queries.codegen.plans.check import (  # noqa: PLC0415 -- see _need_extra
        check_plans,
        plan_settings,
    )
    from authority_queries.codegen.plans.text import (  # noqa: PLC0415 -- see _need_extra
        plan_difference,
    )

    settings = read(arguments.config)
    if settings.plans is None:
        message = f"{arguments.config}: tool.authority.plans is missing: a file's name"
        raise ConfigurationError(message)
    report = check_plans(plan_settings(settings, arguments.server))
    for finding in report.findings:
        print(f"{finding.place}: {finding.what}; {finding.remedy}")
    committed = settings.plans.read_text() if settings.plans.exists() else ""
    difference = plan_difference(committed, report.text, settings.plans.name)
    if arguments.check:
        print(difference, end="")
    elif difference:
        settings.plans.write_text(report.text)
        print(f"{settings.plans.name} written")
    if report.findings or (difference and arguments.check):
        print("authority: plans have changed or break a rule", file=sys.stderr)
        return 1
    return 0


def _need_extra() -> None:
    """Import what is needed to generate only when it is: an extra of the package."""
    try:
        import pglast  # noqa: F401, PLC0415 -- whether it is there is the question
    except ImportError as error:
        message = (
            "the generator is not installed: pip install authority-queries[generate]"
        )
        raise ConfigurationError(message) from error
