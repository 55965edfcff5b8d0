"""`authority check`: whether the database is as this release says."""

import argparse
import difflib
import json
from collections.abc import Iterator
from dataclasses import asdict

import psycopg

from authority_queries.errors import UnavailableError
from authority_queries.service.backend import running_backend
from authority_queries.service.catalogue import Difference, expected_catalogue
from authority_queries.service.schema_check import SchemaReport, check_database
from authority_queries.service.schema_hints import hints
from authority_queries.service.settings import Settings

UNCHECKED = 3  # the exit code of a check that could not be made

_EPILOG = (
    "Any login may check. Nothing is changed. Exit codes: 0 the database is as the "
    "release, 1 it differs, 2 wrong use, 3 it could not be checked."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `authority check`."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="how to print what was found (default: text)",
    )
    parser.add_argument(
        "--fix-hint",
        action="store_true",
        help="print the SQL that would mend each difference",
    )


def run_check(settings: Settings, arguments: argparse.Namespace) -> int:
    """Check the database, print what differs, and return the exit code.

    Raises UnavailableError.
    """
    try:
        with running_backend(settings) as conninfo:
            report = check_database(conninfo)
    except psycopg.OperationalError as error:
        message = f"no connection to {settings.describe()}: {error}"
        raise UnavailableError(message) from error
    if arguments.format == "json":
        print(json.dumps(_as_json(report, with_hints=arguments.fix_hint), indent=2))
    else:
        _print_text(report, with_hints=arguments.fix_hint)
    if report.differences:
        return 1
    return UNCHECKED if report.unchecked else 0


def _as_json(report: SchemaReport, *, with_hints: bool) -> dict[str, object]:
    expected = expected_catalogue() if with_hints else {}
    return {
        "is_as_released": not report.differences and not report.unchecked,
        "differences": [
            asdict(each) | ({"hints": hints(each, expected)} if with_hints else {})
            for each in report.differences
        ],
        "unchecked": report.unchecked,
        "is_standby": report.is_standby,
    }


def _print_text(report: SchemaReport, *, with_hints: bool) -> None:
    expected = expected_catalogue() if with_hints else {}
    for difference in report.differences:
        print(difference.object)
        for line in difference_lines(difference):
            print(f"    {line}")
        for hint in hints(difference, expected) if with_hints else ():
            print(f"\n{hint}" if "\n" in hint else f"  fix: {hint}")
    if report.is_standby:
        print("the server is a standby: it may not have replayed the newest changes")
    for what in report.unchecked:
        print(f"not checked: {what}")
    count = len(report.differences)
    differ = "1 object differs" if count == 1 else f"{count} objects differ"
    print(f"{differ} from the release" if count else "as the release")


def difference_lines(difference: Difference) -> Iterator[str]:
    """Return a diff, by the lines of long texts."""
    if difference.is_absent:
        yield "is missing"
        return
    if difference.is_foreign and " authority." in difference.object:
        yield "is not in the release"
        return
    missing = "\n".join(difference.missing).splitlines()
    unexpected = "\n".join(difference.unexpected).splitlines()
    changed = difflib.ndiff(missing, unexpected)
    yield from (line for line in changed if line[0] in "+-")
