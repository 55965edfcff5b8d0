"""The error of a caller that gets no connection."""

from authority_queries.engine.telemetry import TELEMETRY
from authority_queries.errors import UnavailableError
from authority_queries.service.settings import Settings


def unavailable(settings: Settings, why: str) -> UnavailableError:
    """Return the error for a connection that cannot be opened."""
    return UnavailableError(f"no connection to {settings.describe()}: {why}")


def none_was_free(settings: Settings, seconds: float, pool: str) -> UnavailableError:
    """Return the error for a pool whose connections are all in use, and report it."""
    if TELEMETRY.observer is not None:
        TELEMETRY.observer.timed_out(pool)
    size = settings.pool_max_size
    why = f"none was free within {seconds:g} s (pool_max_size is {size})"
    return unavailable(settings, why)
