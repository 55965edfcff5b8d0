"""`authority audit`: seals and verifies the audit events."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from authority_queries.cli.maintaining import (
    find_tenant,
    incomplete_code,
    open_maintenance,
)
from authority_queries.cli.progress import Stop
from authority_queries.errors import AuthorityError, ConfigurationError
from authority_queries.service.audits import AuditHead, ChainReport
from authority_queries.service.settings import Settings

if TYPE_CHECKING:
    from authority_queries import Maintenance

_EPILOG = "Log in as a member of authority_maintenance. "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `authority audit seal` and `authority audit verify`."""
    kinds = parser.add_subparsers(required=True, metavar="task")
    text = "link new audit events to the chains of their tenants"
    seal = kinds.add_parser(
        "seal",
        help=text,
        description=text,
        epilog=f"{_EPILOG}Run it every minute. Exit codes: 0 all are sealed, 1 a "
        "failure, 2 wrong use, 130 and 143 a signal ended the run.",
    )
    seal.add_argument("--quiet", action="store_true", help="print nothing")
    seal.set_defaults(audit=_seal)
    text = "verify the chains of audit events"
    verify = kinds.add_parser(
        "verify",
        help=text,
        description=text,
        epilog=f"{_EPILOG}Prints the head of each intact chain: tenant, month, number "
        "and seal. Keep these lines where no superuser of the database can write. Exit "
        "codes: 0 all chains are intact, 1 a problem, 2 wrong use.",
    )
    verify.add_argument(
        "--tenant", metavar="CODE|ID", help="only this tenant (default: all)"
    )
    verify.add_argument(
        "--heads", type=Path, metavar="FILE", help="lines of an earlier verification"
    )
    verify.set_defaults(audit=_verify)


def run_audit(settings: Settings, arguments: argparse.Namespace) -> int:
    """Seal or verify. Print results on stdout, problems on stderr.

    Raises ConfigurationError, NotFoundError, UnavailableError, PermissionDeniedError.
    """
    code: int = arguments.audit(settings, arguments)
    return code


def _seal(settings: Settings, arguments: argparse.Namespace) -> int:
    stop = Stop()
    with open_maintenance(settings, stop) as maintenance:
        sealed = maintenance.seal_audit(stop=stop)
    if not arguments.quiet:
        print(f"{sealed} events sealed")
    return incomplete_code(stop) if stop() else 0


def _verify(settings: Settings, arguments: argparse.Namespace) -> int:
    heads = _heads(arguments.heads)
    stop = Stop()
    is_intact, seen = True, set[UUID]()
    with open_maintenance(settings, stop) as maintenance:
        for tenant_id in _tenants(maintenance, arguments.tenant):
            if stop():
                return incomplete_code(stop)
            seen.add(tenant_id)
            report = maintenance.verify_audit(tenant_id, heads=heads)
            for chain in report.chains:
                _print_chain(chain)
            is_intact = is_intact and report.is_intact
    gone = {head.tenant_id for head in heads} - seen if arguments.tenant is None else []
    for tenant_id in gone:
        print(f"authority: {tenant_id}: no such tenant any more", file=sys.stderr)
    return 0 if is_intact and not gone else 1


def _heads(file: Path | None) -> Sequence[AuditHead]:
    if file is None:
        return []
    try:
        lines = file.read_text(encoding="ascii").splitlines()
        return [AuditHead.parse(line) for line in lines if line.strip()]
    except (OSError, ValueError, AuthorityError) as error:
        message = (
            "--heads: the file cannot be read, or a line is not one that "
            "`authority audit verify` printed"
        )
        raise ConfigurationError(message) from error


def _tenants(maintenance: "Maintenance", text: str | None) -> Iterator[UUID]:
    if text is not None:
        yield find_tenant(maintenance, text)
        return
    after = None
    while True:
        with maintenance.store() as store:
            page = store.tenants.list(after=after)
        yield from (tenant.id for tenant in page.items)
        if page.next is None:
            return
        after = page.next


def _print_chain(chain: ChainReport) -> None:
    if chain.head is not None:
        print(chain.head)
    if chain.problem is not None:
        what = chain.problem.replace("_", " ")
        print(
            f"authority: {chain.tenant_id} {chain.month:%Y-%m} event {chain.number}: "
            f"{what}",
            file=sys.stderr,
        )
