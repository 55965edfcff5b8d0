"""`authority import`: brings the documents of another store here."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from tabulate import tabulate

from authority_queries.cli.progress import Stop
from authority_queries.cli.sources import add_since, add_source, open_named
from authority_queries.errors import AuthorityError, ConfigurationError
from authority_queries.service.settings import Settings

if TYPE_CHECKING:
    from authority_queries import ImportOptions, ImportProgress, ImportSummary
    from authority_queries.importing.documents import Source
    from authority_queries.importing.writing.summaries import CollectionSummary

_STOPPED: Final = "authority: stopped: go on with --resume"
_DOCUMENTS: Final = (
    "collection",
    "read",
    "imported",
    "refused",
    "skipped",
    "without rows",
)
_JOURNAL: Final = Path("authority-import.journal")
_EPILOG: Final = (
    "Log in as the owner of the database, as for `authority migrate`. Exit codes: 0 "
    "all documents were imported, 1 some were refused, or a failure, 2 wrong use, "
    "130 and 143 a signal ended the import after a batch."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `authority import`."""
    parser.epilog = _EPILOG
    add_source(parser)
    add_since(parser)
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="do everything in one transaction, and roll it back",
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="also update rows that are stored and differ, unless they changed here "
        "later; --since does so too",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on after the last batch of the journal",
    )
    parser.add_argument(
        "--journal",
        type=Path,
        default=_JOURNAL,
        metavar="FILE",
        help=f"where each committed batch is noted (default: {_JOURNAL})",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write FILE.json, and FILE.html for people",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=1000,
        metavar="N",
        help="documents in one transaction (default: 1000)",
    )
    parser.add_argument("--quiet", action="store_true", help="print no progress")


def run_import(settings: Settings, arguments: argparse.Namespace) -> int:
    """Import a source, and print the counts.

    Raises ConfigurationError, SourceError, UnavailableError.
    """
    # Imported here because stale generated modules cannot be imported.
    from authority_queries import ImportOptions  # noqa: PLC0415 -- see above

    options = ImportOptions(
        tenant=arguments.tenant,
        dry_run=arguments.dry_run,
        journal=arguments.journal,
        update=arguments.update or arguments.since is not None,
        resume=arguments.resume,
        report=arguments.report,
        batch_size=arguments.batch_size,
        since=arguments.since,
        mapping=arguments.mapping,
    )
    stop = Stop()
    with open_named(arguments) as source:
        summary = _imported(settings, source, options, stop, is_quiet=arguments.quiet)
    _print(summary)
    if not summary.is_complete:
        print(_STOPPED, file=sys.stderr)
        return 1 if stop.number is None else 128 + stop.number
    return 1 if summary.refusals else 0


def _imported(
    settings: Settings,
    source: "Source",
    options: "ImportOptions",
    stop: Stop,
    *,
    is_quiet: bool,
) -> "ImportSummary":
    from authority_queries import Importer  # noqa: PLC0415 -- see above

    one = settings.model_copy(update={"pool_min_size": 1, "pool_max_size": 1})
    progress = None if is_quiet else _Progress()
    with Importer.open(one) as importer, stop.on_signals():
        try:
            return importer.run(source, options, progress=progress, stop=stop)
        except ConfigurationError:
            raise
        except (AuthorityError, psycopg.Error):
            if not options.dry_run:
                print(_STOPPED, file=sys.stderr)
            raise


def _print(summary: "ImportSummary") -> None:
    """Print the counts on stdout, and why documents were refused on stderr."""
    documents = [
        (one.name, one.read, one.imported, one.refusals, one.skipped, one.rowless)
        for one in summary.collections
    ]
    created, existing, updated = summary.created, summary.existing, summary.updated
    kinds = [
        (kind, created[kind], existing[kind], updated[kind])
        for kind in created | existing
    ]
    fields = [
        (one.name, *names, count)
        for one in summary.collections
        for names, count in sorted(one.dropped.items())
    ]
    _print_table(documents, *_DOCUMENTS)
    _print_table(kinds, "rows", "created", "existing", "updated")
    _print_table(fields, "collection", "dropped field", "reason", "documents")
    for one in summary.collections:
        _print_refused(one)
    if summary.header.is_dry_run:
        print("A dry run: nothing was written.")


def _print_table(rows: Sequence[tuple[object, ...]], *headers: str) -> None:
    if rows:
        print(f"{tabulate(rows, headers=headers, tablefmt='simple')}\n")


def _print_refused(one: "CollectionSummary") -> None:
    for refusal in one.refused:
        line = f"authority: {one.name} {refusal.id}: {refusal.reason}"
        print(line, file=sys.stderr)
    if (more := one.refusals - len(one.refused)) > 0:
        line = f"authority: {one.name}: {more:,} more were refused: see --report"
        print(line, file=sys.stderr)


class _Progress:
    """Prints a line for each finished collection. A terminal also shows the current."""

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty()

    def __call__(self, progress: "ImportProgress") -> None:
        """Print the progress of a collection after one of its batches."""
        if not progress.is_done and not self._is_live:
            return
        begin = "\r\x1b[K" if self._is_live else ""
        end = "\n" if progress.is_done else ""
        text = f"{begin}{_described(progress)}"
        print(text, end=end, file=sys.stderr, flush=True)


def _described(progress: "ImportProgress") -> str:
    rate = progress.read_now / progress.seconds if progress.seconds else 0
    parts = [
        f"{progress.collection}: {progress.read:,}",
        f"{rate:,.0f}/s",
        f"{progress.seconds:.1f} s",
    ]
    if progress.refused:
        parts.append(f"{progress.refused:,} refused")
    if progress.is_done:
        parts.append("done")
    elif progress.estimated and rate and progress.estimated > progress.read:
        parts[0] += f" of about {progress.estimated:,}"
        left = (progress.estimated - progress.read) / rate
        parts.append(f"about {left:,.0f} s left")
    return ", ".join(parts)
