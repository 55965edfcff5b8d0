"""`authority export entries`: tenants in the portable form, with all secrets."""

import argparse
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from authority_queries.cli.people import tenant_named
from authority_queries.cli.progress import Progress
from authority_queries.errors import ConfigurationError
from authority_queries.service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator

    from authority_queries import EntryExporter
    from authority_queries.importing.entries.end import End

_EPILOG = (
    'Each line is {"tenant": …, "kind": …, …}, after the entries that it refers to, as '
    "`authority import jsonl` reads it. The lines have password hashes, hashes of "
    "tokens and encrypted keys: keep them as you keep a backup. Log in as the owner of "
    "the database, as for `authority migrate`. Exit codes: 0 done, 1 a failure, 2 "
    "wrong use."
)


def add_entries(
    kinds: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add `authority export entries`."""
    text = "write tenants in the portable form, with hashes, to leave or to move"
    parser = kinds.add_parser("entries", help=text, description=text, epilog=_EPILOG)
    parser.add_argument("tenant", nargs="?", metavar="CODE|ID", help="the tenant")
    parser.add_argument("--all", action="store_true", help="all tenants")
    parser.add_argument("--quiet", action="store_true", help="print no progress")
    return parser


def run_entries(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the lines on stdout.

    Raises NotFoundError, UnavailableError, PermissionDeniedError, ConfigurationError.
    """
    # Imported here because stale generated modules cannot be imported.
    from authority_queries import EntryExporter  # noqa: PLC0415 -- see above
    from authority_queries.importing.entries.end import End  # noqa: PLC0415

    if (arguments.tenant is None) is not arguments.all:
        message = "name one tenant, or use --all"
        raise ConfigurationError(message)
    one = settings.model_copy(update={"pool_min_size": 1, "pool_max_size": 1})
    text = ""
    with (
        EntryExporter.open(one) as exporter,
        closing(_texts(exporter, arguments)) as texts,
    ):
        for text in texts:
            sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
    if not arguments.quiet:
        _list_missing(End.model_validate_json(text))
    return 0


def _texts(
    exporter: "EntryExporter", arguments: argparse.Namespace
) -> "Generator[str, None]":
    progress = None if arguments.quiet else Progress()
    if arguments.all:
        return exporter.export_tenants(progress=progress)
    tenant_id = tenant_named(arguments.tenant, exporter.find_tenant)
    return exporter.export_tenant(tenant_id, progress=progress)


def _list_missing(end: "End") -> None:
    print(f"{end.lines:,} entries", file=sys.stderr)
    for one in end.not_exported:
        until = "" if one.expires_at is None else f", the last until {one.expires_at}"
        print(
            f"not exported: {one.tenant}: {one.table}: {one.rows:,} rows{until}: "
            f"{one.reason}",
            file=sys.stderr,
        )
