"""`authority tenant`: moves a tenant, and lets its imported tokens live on."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from tabulate import tabulate

from authority_queries.cli.maintaining import days_of, find_tenant, open_maintenance
from authority_queries.cli.people import add_tenant, tenant_named
from authority_queries.cli.progress import Progress, Stop
from authority_queries.errors import ConfigurationError, InvalidDumpError
from authority_queries.service.settings import Settings

if TYPE_CHECKING:
    from authority_queries import Mover

_EPILOG = (
    "Log in as the owner of the database, as for `authority migrate`. Exit codes: 0 "
    "done, 1 a failure, 2 wrong use."
)
_OPERATORS_EPILOG = (
    "Log in as a member of authority_maintenance. Exit codes: 0 done, 1 a failure, 2 "
    "wrong use."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `authority tenant hold`, `dump`, `load` and `accept-foreign-tokens`."""
    tasks = parser.add_subparsers(required=True, metavar="task")
    text = "suspend a tenant for a move, without ending its tokens in the feed"
    hold = tasks.add_parser("hold", help=text, description=text, epilog=_EPILOG)
    add_tenant(hold)
    hold.set_defaults(task=_hold)
    text = "write a held tenant to stdout, with hashes and encrypted keys"
    dump = tasks.add_parser("dump", help=text, description=text, epilog=_EPILOG)
    add_tenant(dump)
    dump.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for transactions that began before the tenant was held "
        "(default: 60)",
    )
    dump.set_defaults(task=_dump)
    text = "load a tenant that `authority tenant dump` wrote, from stdin"
    load = tasks.add_parser("load", help=text, description=text, epilog=_EPILOG)
    load.add_argument(
        "--feed-ahead",
        type=int,
        default=0,
        metavar="ENTRIES",
        help="skip this many numbers of the revocation feed: for a tenant that is "
        "restored to an earlier moment (default: 0)",
    )
    load.set_defaults(task=_load)
    text = "accept imported tokens under the strings of the other store"
    accept = tasks.add_parser(
        "accept-foreign-tokens", help=text, description=text, epilog=_OPERATORS_EPILOG
    )
    add_tenant(accept)
    accept.add_argument(
        "--days",
        type=float,
        required=True,
        help="for how long from now: at most 400 days, and 0 ends it at once",
    )
    accept.set_defaults(task=_accept_foreign_tokens)
    for each in (dump, load):
        each.add_argument("--quiet", action="store_true", help="print no progress")


def run_tenant(settings: Settings, arguments: argparse.Namespace) -> int:
    """Hold, dump or load a tenant, or accept its tokens of another store.

    Raises NotFoundError, TenantActiveError, InvalidDumpError, SchemaVersionError,
    DuplicateError, UnavailableError, ConfigurationError.
    """
    arguments.task(settings, arguments)
    return 0


@contextmanager
def _open_mover(settings: Settings) -> Iterator["Mover"]:
    # Imported here because stale generated modules cannot be imported.
    from authority_queries import Mover  # noqa: PLC0415 -- see above

    one = settings.model_copy(update={"pool_min_size": 1, "pool_max_size": 1})
    with Mover.open(one) as mover:
        yield mover


def _id_of(mover: "Mover", arguments: argparse.Namespace) -> UUID:
    return tenant_named(arguments.tenant, mover.find_tenant)


def _hold(settings: Settings, arguments: argparse.Namespace) -> None:
    with _open_mover(settings) as mover:
        is_held = mover.hold_tenant(_id_of(mover, arguments))
    print("the tenant is suspended" if is_held else "the tenant was not active")


def _dump(settings: Settings, arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.wait <= timedelta(days=1).total_seconds():
        message = f"--wait must be 0 to 86400 seconds, not {arguments.wait}"
        raise ConfigurationError(message)
    with _open_mover(settings) as mover:
        texts = mover.dump_tenant(
            _id_of(mover, arguments),
            wait=timedelta(seconds=arguments.wait),
            progress=None if arguments.quiet else Progress(),
        )
        with closing(texts):
            for text in texts:
                sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _load(settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.feed_ahead < 0:
        message = f"--feed-ahead must be 0 or more, not {arguments.feed_ahead}"
        raise ConfigurationError(message)
    with _open_mover(settings) as mover:
        report = mover.load_tenant(
            _lines(sys.stdin.buffer),
            feed_ahead=arguments.feed_ahead,
            progress=None if arguments.quiet else Progress(),
        )
    counts = [*report.tables.items(), ("all", report.rows)]
    print(tabulate(counts, headers=("table", "rows"), tablefmt="simple"))


def _accept_foreign_tokens(settings: Settings, arguments: argparse.Namespace) -> None:
    lifetime = days_of("--days", arguments.days) or None
    with open_maintenance(settings, Stop()) as maintenance:
        tenant_id = find_tenant(maintenance, arguments.tenant)
        with maintenance.store() as store:
            tenant = store.tenants.accept_foreign_tokens(
                tenant_id=tenant_id, lifetime=lifetime
            )
    until = tenant.foreign_tokens_until
    accepted = f"accepted until {until:%Y-%m-%d %H:%M:%S %Z}" if until else "refused"
    print(f"tokens of another store are {accepted}")


def _lines(file: BinaryIO) -> Iterator[str]:
    try:
        for line in file:
            yield line.decode()
    except UnicodeDecodeError:
        message = "the dump is not valid: it is not UTF-8; nothing was loaded"
        raise InvalidDumpError(message) from None
