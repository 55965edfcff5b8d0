"""The tenant and the user that a command names, by an id or a name."""

import argparse
from collections.abc import Callable
from uuid import UUID

from authority_queries.errors import NotFoundError


def add_tenant(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a tenant."""
    parser.add_argument("tenant", metavar="CODE|ID", help="the tenant")


def add_user(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a user of a tenant."""
    parser.add_argument("--tenant", required=True, metavar="CODE|ID")
    parser.add_argument("--user", required=True, metavar="NAME|ID")
    parser.add_argument(
        "--also-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a former username, or another name by which rows call the user; may be "
        "repeated",
    )


def tenant_named(text: str, find: Callable[[str], UUID | None]) -> UUID:
    """Return the id of a tenant. Raises NotFoundError for an unknown code."""
    return _named("tenant", text, find)


def user_named(text: str, find: Callable[[str], UUID | None]) -> UUID:
    """Return the id of a user. Raises NotFoundError for an unknown username."""
    return _named("user", text, find)


def _named(what: str, text: str, find: Callable[[str], UUID | None]) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        found = find(text)
    if found is None:
        message = f"no such {what}: name it by its id or by its exact name"
        raise NotFoundError(message)
    return found
