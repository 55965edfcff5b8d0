"""Which errors a caller may get, and how others are reported."""

import traceback

import psycopg
from psycopg import errors as sqlstate

from authority_queries.errors import AuthorityError, RetryableError, UnavailableError

FRAMES = 6
# Conflicts of transactions, which are rolled back: the caller may try again.
TRANSIENT = (
    RetryableError,
    sqlstate.DeadlockDetected,
    sqlstate.SerializationFailure,
    sqlstate.LockNotAvailable,
)
# psycopg has classes for these too, but no caller can act on them: they mean that
# something else went wrong before.
_MASKS = ("pipeline", "another command is already in progress", "no results to fetch")


class InterruptedCallError(Exception):
    """An error that a signal handler raises, as Celery's soft time limit does."""


def is_loss(error: BaseException) -> bool:
    """Return whether an error is the documented one for an unreachable server."""
    if isinstance(error, UnavailableError):
        return True
    if not isinstance(error, psycopg.OperationalError):
        return False
    return not any(mask in str(error) for mask in _MASKS)


def is_of_the_hierarchy(error: BaseException) -> bool:
    return isinstance(error, AuthorityError)


def described(error: BaseException) -> str:
    """Return the error and the last frames that it came through."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in reversed(frames)
    )
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]} [{places}]"
