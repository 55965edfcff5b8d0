"""Values that steps draw: lifetimes, extents, keys, and the token to use."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.model.objects import DETAILS, RESOURCES, Kind

Rule = TypeVar("Rule", bound=Callable[..., Any])

MICROSECOND: Final = timedelta(microseconds=1)
# A day before the clocks change in the sessions' time zone.
BEGINNING: Final = datetime(2030, 3, 9, 12, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
NOTHING: Final = timedelta(0)
LEEWAY: Final = 10 * SECOND
# Beyond the storable range, within what PostgreSQL can add.
TOO_LONG: Final = timedelta(days=3_000_000)
CALLBACK: Final = "https://web.example/cb"
LOOPBACK: Final = "http://127.0.0.1/cb"


@dataclass(frozen=True)
class Pick:
    """The choice of a step's token: of live or all tokens, counted from the newest."""

    live: bool
    back: int


def lifetimes(*choices: timedelta) -> st.SearchStrategy[timedelta]:
    return st.sampled_from(choices)


def some_of(names: Iterable[str]) -> st.SearchStrategy[frozenset[str]]:
    """Draw none in most cases, because others are often refused."""
    every = sorted(names)
    return st.sampled_from(
        [frozenset[str]()] * 4 + [frozenset(every), *(frozenset({n}) for n in every)]
    )


picks = st.builds(Pick, live=st.booleans(), back=st.integers(0, 12))
extents = st.builds(
    frozenset.union,
    st.frozensets(st.sampled_from(["mail", "read", "write"]), max_size=3),
    some_of(RESOURCES),
    some_of(DETAILS),
)
indexes = st.integers(0, 11)
keys = st.sampled_from([None, None, "J" * 43])
certificates = st.sampled_from([None, None, None, "X" * 43])
lives = lifetimes(HOUR, 10 * SECOND, 60 * SECOND, DAY, 30 * DAY)
kinds = st.sampled_from(["access", "refresh", "authorization_code", "device_code"])
is_served = precondition(lambda self: self.model.tenant.works)


def has(kind: Kind) -> Callable[[Rule], Rule]:
    """Take the step only when there is such a token, dead or alive."""
    return precondition(lambda self: bool(self.of_kind(kind)))


def step(**strategies: st.SearchStrategy[Any]) -> Callable[[Rule], Rule]:
    """Make a method a rule that is counted."""

    def decorate(method: Rule) -> Rule:
        @functools.wraps(method)
        def counted(self: Any, **drawn: object) -> None:
            self.journal.steps[method.__name__] += 1
            method(self, **drawn)

        # The overloads of rule do not allow a dictionary.
        made: Rule = rule(**strategies)(counted)  # type: ignore[call-overload]
        return made

    return decorate
