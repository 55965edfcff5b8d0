"""The error of a caller that gets no connection."""

from authority_queries.engine.telemetry import TELEMETRY
from authority_queries.errors import UnavailableError


def unavailable(where: str, why: str) -> UnavailableError:
    """Return the error for a connection that cannot be opened."""
    return UnavailableError(f"no connection to {where}: {why}")


def none_was_free(where: str, size: int, seconds: float, pool: str) -> UnavailableError:
    """Return the error for a pool whose connections are all in use, and report it."""
    if TELEMETRY.observer is not None:
        TELEMETRY.observer.timed_out(pool)
    why = f"none was free within {seconds:g} s (pool_max_size is {size})"
    return unavailable(where, why)
