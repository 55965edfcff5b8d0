"""Checks of arguments that SQL cannot make."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authority_queries.errors import InvalidArgumentError

MAX_PAGE_SIZE: Final = 1000


def check_limit(limit: int) -> int:
    """Return a page size from 1 to 1000."""
    if not 1 <= limit <= MAX_PAGE_SIZE:
        message = f"limit is {limit}; 1 to {MAX_PAGE_SIZE} are allowed"
        raise InvalidArgumentError(message)
    return limit


def check_positive(name: str, duration: timedelta) -> timedelta:
    """Return a duration that is longer than nothing."""
    if duration <= timedelta(0):
        message = f"{name} is {duration}; a time above 0 is allowed"
        raise InvalidArgumentError(message)
    return duration


def check_one_subject(user_id: UUID | None, service_account_id: UUID | None) -> None:
    """Require just one of the two kinds of subject."""
    if (user_id is None) == (service_account_id is None):
        message = "give either user_id or service_account_id"
        raise InvalidArgumentError(message)


def check_tenant_id(value: object) -> None:
    """Refuse what is no UUID: a tenant is never taken from a text unparsed."""
    if not isinstance(value, UUID):
        message = f"tenant_id is a {type(value).__name__}; a UUID is allowed"
        raise InvalidArgumentError(message)
