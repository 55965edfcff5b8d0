"""The common parts of the commands of operators: `authority prune` and `erase`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from authority_queries.cli.people import tenant_named
from authority_queries.cli.progress import Stop
from authority_queries.engine.checks import LONGEST
from authority_queries.errors import ConfigurationError
from authority_queries.service.settings import Settings

if TYPE_CHECKING:
    from authority_queries import Maintenance


@contextmanager
def open_maintenance(settings: Settings, stop: Stop) -> Iterator["Maintenance"]:
    """Open a Maintenance with one connection, and let signals stop the run.

    Batches follow each other, so one connection is enough. Raises UnavailableError,
    PermissionDeniedError.
    """
    # Imported here because stale generated modules cannot be imported.
    from authority_queries import Maintenance  # noqa: PLC0415 -- see above

    one = settings.model_copy(update={"pool_min_size": 1, "pool_max_size": 1})
    with Maintenance.open(one) as maintenance, stop.on_signals():
        yield maintenance


def find_tenant(maintenance: "Maintenance", text: str) -> UUID:
    """Return the id of the tenant with this id or code. Raises NotFoundError."""

    def find(code: str) -> UUID | None:
        with maintenance.store() as store:
            found = store.tenants.get_by_code(code=code)
        return None if found is None else found.id

    return tenant_named(text, find)


def days_of(option: str, days: float) -> timedelta:
    """Return the duration of an option in days. Raises ConfigurationError."""
    if not 0 <= days <= LONGEST.days:
        message = f"{option} must be 0 to {LONGEST.days} days, not {days}"
        raise ConfigurationError(message)
    return timedelta(days=days)


def incomplete_code(stop: Stop) -> int:
    """Return the exit code of a run that left rows: 1, or that of the signal."""
    return 1 if stop.number is None else 128 + stop.number
