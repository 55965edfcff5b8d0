"""`authority compare`: whether the rows here are those of another store."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from tabulate import tabulate

from authority_queries.cli.progress import Progress
from authority_queries.cli.sources import add_source, open_named
from authority_queries.errors import ConfigurationError
from authority_queries.service.settings import Settings

if TYPE_CHECKING:
    from authority_queries.importing.comparing import (
        CompareOptions,
        Comparison,
        KnownPassword,
        KnownToken,
    )

NOT_COMPARED: Final = 3  # the exit code of a comparison that could not be made

_SAMPLE: Final = 1000
_SHOWN: Final = 20
_EPILOG: Final = (
    "Log in as the owner of the database, as for `authority migrate`. Nothing is "
    "changed. Exit codes: 0 the rows are those of the source, or rules explain what "
    "differs, 1 they differ or a check failed, 2 wrong use, 3 they could not be "
    "compared."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `authority compare`."""
    parser.epilog = _EPILOG
    add_source(parser)
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument(
        "--sample",
        type=int,
        default=_SAMPLE,
        metavar="N",
        help="compare every field of N random documents of each collection "
        f"(default: {_SAMPLE}); the keys of all are compared in any case",
    )
    extent.add_argument(
        "--full", action="store_true", help="compare every field of all documents"
    )
    parser.add_argument(
        "--seed",
        default="",
        metavar="TEXT",
        help="chooses the sample: the same text, the same documents",
    )
    parser.add_argument(
        "--journal",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="the journal of an import: explains what the import refused. May be "
        "repeated",
    )
    parser.add_argument(
        "--in-use",
        action="store_true",
        help="this authority is in use: explain what was created, changed or used here "
        "since the import of the last --journal",
    )
    parser.add_argument(
        "--sign-in",
        type=Path,
        metavar="FILE",
        help="JSON lines with username and password, and perhaps tenant: verify each",
    )
    parser.add_argument(
        "--tokens",
        type=Path,
        metavar="FILE",
        help="a token of the source on each line, or JSON lines with token and tenant: "
        "verify each",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write FILE.json, and FILE.html for people",
    )
    parser.add_argument("--quiet", action="store_true", help="print no progress")


def run_compare(settings: Settings, arguments: argparse.Namespace) -> int:
    """Compare, print what differs, and return the exit code.

    Raises ConfigurationError, SourceError, UnavailableError.
    """
    # Imported here because stale generated modules cannot be imported.
    from authority_queries.importing.comparing import (  # noqa: PLC0415 -- see above
        Comparer,
        write_comparison,
    )

    options = _options(arguments)
    passwords = _passwords(arguments)
    tokens = _tokens(arguments)
    one = settings.model_copy(update={"pool_min_size": 1, "pool_max_size": 1})
    with open_named(arguments) as source, Comparer.open(one) as comparer:
        comparison = comparer.compare(
            source,
            options,
            passwords=passwords,
            tokens=tokens,
            progress=None if arguments.quiet else Progress(),
        )
    _print(comparison)
    if arguments.report is not None:
        write_comparison(arguments.report, comparison)
    return 0 if comparison.is_same else 1


def _options(arguments: argparse.Namespace) -> "CompareOptions":
    from authority_queries.importing.comparing import (  # noqa: PLC0415 -- see above
        CompareOptions,
        read_journals,
    )

    if arguments.sample < 0:
        message = f"--sample must be 0 or more, not {arguments.sample}"
        raise ConfigurationError(message)
    if arguments.in_use and not arguments.journal:
        message = "--in-use needs the --journal of the last import"
        raise ConfigurationError(message)
    imports = read_journals(arguments.journal)
    return CompareOptions(
        tenant=arguments.tenant,
        sample=None if arguments.full else arguments.sample,
        seed=arguments.seed,
        in_use_since=imports.ended_at if arguments.in_use else None,
        refused=imports.refused,
    )


def _passwords(arguments: argparse.Namespace) -> "Sequence[KnownPassword]":
    from authority_queries.importing.comparing import (  # noqa: PLC0415 -- see above
        read_passwords,
    )

    if arguments.sign_in is None:
        return ()
    with _opened(arguments.sign_in) as file:
        return [*read_passwords(file, tenant=arguments.tenant)]


def _tokens(arguments: argparse.Namespace) -> "Sequence[KnownToken]":
    from authority_queries.importing.comparing import (  # noqa: PLC0415 -- see above
        read_tokens,
    )

    if arguments.tokens is None:
        return ()
    with _opened(arguments.tokens) as file:
        return [*read_tokens(file, tenant=arguments.tenant)]


@contextmanager
def _opened(place: Path) -> Iterator[TextIO]:
    try:
        with place.open(encoding="utf-8") as file:
            yield file
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"{place} cannot be read: {why}"
        raise ConfigurationError(message) from None


def _print(comparison: "Comparison") -> None:
    """Print counts and differences on stdout, and examples on stderr."""
    from authority_queries.importing.comparing import (  # noqa: PLC0415 -- see above
        verdict,
    )

    counts = [
        (each.tenant, each.kind, each.source, each.here, each.missing, each.only_here)
        for each in comparison.rows
    ]
    _print_table(
        counts, "tenant", "rows", "source", "here", "missing here", "only here"
    )
    differences = [
        (each.rule or "none", each.what, each.kind, each.field or "", each.count)
        for each in comparison.findings
    ]
    _print_table(differences, "rule", "difference", "rows", "field", "count")
    for check in comparison.checks:
        print(f"{check.verified:,} of {check.tried:,} {check.what} verify here")
    print(verdict(comparison))
    for line in _examples(comparison)[:_SHOWN]:
        print(f"authority: {line}", file=sys.stderr)


def _print_table(rows: Sequence[tuple[object, ...]], *headers: str) -> None:
    if rows:
        print(f"{tabulate(rows, headers=headers, tablefmt='simple')}\n")


def _examples(comparison: "Comparison") -> list[str]:
    lines = []
    for check in comparison.checks:
        lines += [
            f"{check.what}, line {each.line}, tenant {each.tenant}: {each.reason}"
            for each in check.failures
        ]
    for finding in comparison.findings:
        if finding.rule is None:
            field = f" {finding.field}" if finding.field else ""
            lines += [
                f"{each.tenant} {finding.kind} {each.document}:{field} {finding.what}"
                for each in finding.examples
            ]
    return lines
