"""What all compared stores have in common."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final, TypeAlias

# Makes a call so many times.
Run: TypeAlias = Callable[[int], object]
Runs: TypeAlias = Mapping[str, Run]

USERS: Final = 10_000
CLIENTS: Final = 80
# So many tokens are verified in turn, and so many users sign in.
PICKED: Final = 2000
ROLES: Final = 2
SCOPES: Final = ("openid", "profile")
PERMISSIONS: Final = (
    "clients:read",
    "roles:read",
    "service_accounts:read",
    "tenants:read",
    "tokens:read",
    "users:read",
)


def each(call: Callable[[], object]) -> Run:
    """Return a run that makes a call again and again."""

    def run(count: int) -> None:
        for _ in range(count):
            call()

    return run


def picked(tokens: int) -> list[int]:
    """Return numbers of tokens, spread over all of them, in no order."""
    step = max(1, tokens // PICKED)
    numbers = list(range(0, step * min(tokens, PICKED), step))
    Random(1).shuffle(numbers)  # noqa: S311 -- the same order each time
    return numbers


def check(answer: object) -> None:
    """Raise RuntimeError for an answer that is missing, as nothing is compared then."""
    if not answer:
        message = "the store refused what it should accept: nothing to compare"
        raise RuntimeError(message)
