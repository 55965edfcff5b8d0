"""`authority erase`: deletes a tenant or a user with everything about them."""

import argparse
import sys
from typing import TYPE_CHECKING
from uuid import UUID

from tabulate import tabulate

from authority_queries.cli.maintaining import (
    days_of,
    find_tenant,
    incomplete_code,
    open_maintenance,
)
from authority_queries.cli.people import add_tenant, add_user, user_named
from authority_queries.cli.progress import Progress, Stop
from authority_queries.errors import ConfigurationError, InvalidArgumentError
from authority_queries.service.erasures import ErasureReport
from authority_queries.service.retention import check_batch_size
from authority_queries.service.settings import Settings

if TYPE_CHECKING:
    from authority_queries import Maintenance

_EPILOG = (
    "Log in as a member of authority_maintenance. A run that ended early can be "
    "repeated. Exit codes: 0 nothing is left, 1 something is left or failed, 2 wrong "
    "use, 130 and 143 a signal ended the run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `authority erase tenant` and `authority erase user`."""
    kinds = parser.add_subparsers(required=True, metavar="kind")
    text = "delete a terminated tenant with all its rows"
    tenant = kinds.add_parser("tenant", help=text, description=text, epilog=_EPILOG)
    add_tenant(tenant)
    tenant.set_defaults(erase=_erase_tenant)
    text = "delete a user with every row about the user, the sign-in log included"
    user = kinds.add_parser("user", help=text, description=text, epilog=_EPILOG)
    add_user(user)
    user.add_argument(
        "--feed-for",
        type=float,
        default=1.0,
        metavar="DAYS",
        help="how long self-contained tokens live: the feed refuses the user's sub for "
        "this time; 0 publishes nothing (default: 1)",
    )
    user.add_argument(
        "--no-search",
        action="store_true",
        help="do not search all rows of the tenant for the names of the user",
    )
    user.set_defaults(erase=_erase_user)
    for each in (tenant, user):
        each.add_argument(
            "--batch-size",
            type=int,
            default=1000,
            metavar="ROWS",
            help="rows that one transaction deletes (default: 1000)",
        )
        each.add_argument("--quiet", action="store_true", help="print no progress")


def run_erase(settings: Settings, arguments: argparse.Namespace) -> int:
    """Erase. Print the progress on stderr and the result on stdout.

    Raises ConfigurationError for arguments that are not allowed, NotFoundError,
    TenantNotTerminatedError, UnavailableError, PermissionDeniedError.
    """
    _check(arguments)
    stop = Stop()
    with open_maintenance(settings, stop) as maintenance:
        report = arguments.erase(maintenance, arguments, stop)
    _print_report(report)
    if report.is_complete:
        return 1 if report.traces else 0
    return incomplete_code(stop)


def _check(arguments: argparse.Namespace) -> None:
    try:
        check_batch_size(arguments.batch_size)
    except InvalidArgumentError as error:
        raise ConfigurationError(str(error)) from error
    days_of("--feed-for", getattr(arguments, "feed_for", 0.0))


def _erase_tenant(
    maintenance: "Maintenance", arguments: argparse.Namespace, stop: Stop
) -> ErasureReport:
    return maintenance.erase_tenant(
        find_tenant(maintenance, arguments.tenant),
        batch_size=arguments.batch_size,
        progress=None if arguments.quiet else Progress(),
        stop=stop,
    )


def _erase_user(
    maintenance: "Maintenance", arguments: argparse.Namespace, stop: Stop
) -> ErasureReport:
    tenant_id = find_tenant(maintenance, arguments.tenant)

    def find(name: str) -> UUID | None:
        with maintenance.store() as store:
            return store.erasures.find_user(tenant_id=tenant_id, username=name)

    return maintenance.erase_user(
        tenant_id,
        user_named(arguments.user, find),
        other_names=arguments.also_name,
        feed_for=days_of("--feed-for", arguments.feed_for),
        searches=not arguments.no_search,
        batch_size=arguments.batch_size,
        progress=None if arguments.quiet else Progress(),
        stop=stop,
    )


def _print_report(report: ErasureReport) -> None:
    lines = [(table.step, table.rows, table.batches) for table in report.tables]
    lines.append(("all", report.rows, sum(table.batches for table in report.tables)))
    print(tabulate(lines, headers=("table", "rows", "batches"), tablefmt="simple"))
    for place, rows in report.traces.items():
        print(f"authority: {rows} rows still name the user: {place}", file=sys.stderr)
    if not report.is_complete:
        print("authority: more may be left: run it again", file=sys.stderr)
