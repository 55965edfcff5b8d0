"""`authority export`: rows without secrets, or entries with them, as JSON lines."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from authority_queries.cli.export_entries import add_entries, run_entries
from authority_queries.cli.people import add_tenant, add_user, tenant_named, user_named
from authority_queries.service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authority_queries import Exporter
    from authority_queries.service.exports import ExportedLine

_EPILOG = (
    'Each line is {"table": …, "row": {…}}, after the rows that it references. No line '
    "has a hash or a payload. Log in as a member of authority_reader. Exit codes: 0 "
    "done, 1 a failure, 2 wrong use."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `authority export tenant`, `user` and `entries`."""
    kinds = parser.add_subparsers(required=True, metavar="kind")
    text = "write every row of a tenant as JSON lines, without hashes"
    tenant = kinds.add_parser("tenant", help=text, description=text, epilog=_EPILOG)
    add_tenant(tenant)
    tenant.set_defaults(run=_run_rows, export=_export_tenant)
    text = "write every row about a user as JSON lines, without hashes"
    user = kinds.add_parser("user", help=text, description=text, epilog=_EPILOG)
    add_user(user)
    user.set_defaults(run=_run_rows, export=_export_user)
    add_entries(kinds).set_defaults(run=run_entries)


def run_export(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the rows or the entries on stdout.

    Raises NotFoundError, UnavailableError, PermissionDeniedError, ConfigurationError.
    """
    run: Callable[[Settings, argparse.Namespace], int] = arguments.run
    return run(settings, arguments)


def _run_rows(settings: Settings, arguments: argparse.Namespace) -> int:
    # Imported here because stale generated modules cannot be imported.
    from authority_queries import Exporter  # noqa: PLC0415 -- see above

    one = settings.model_copy(update={"pool_min_size": 1, "pool_max_size": 1})
    with Exporter.open(one) as exporter:
        for line in arguments.export(exporter, arguments):
            print(line.to_json())
    return 0


def _export_tenant(
    exporter: "Exporter", arguments: argparse.Namespace
) -> "Iterator[ExportedLine]":
    return exporter.export_tenant(tenant_named(arguments.tenant, exporter.find_tenant))


def _export_user(
    exporter: "Exporter", arguments: argparse.Namespace
) -> "Iterator[ExportedLine]":
    tenant_id = tenant_named(arguments.tenant, exporter.find_tenant)
    user_id = user_named(arguments.user, partial(exporter.find_user, tenant_id))
    return exporter.export_user(tenant_id, user_id, other_names=arguments.also_name)
