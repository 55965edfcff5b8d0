"""What pruning is told and what it gives: how long things are kept, and a report."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Literal, TypeAlias, get_args

from authority_queries.errors import InvalidArgumentError
from authority_queries.repositories.arguments import (
    MAX_MONTHS_AHEAD,
    check_not_negative,
    check_optional_positive,
    check_within,
)

StepName: TypeAlias = Literal[
    "create_partitions",
    "drop_partitions",
    "default_partition",
    "used_jtis",
    "pushed_requests",
    "device_authorizations",
    "tokens",
    "refresh_tokens",
    "authorizations",
    "consents",
    "user_roles",
    "revocations",
    "superseded_revocations",
    "login_throttles",
    "license_usage",
]
StepOutcome: TypeAlias = Literal["done", "unfinished", "failed"]

STEPS: Sequence[StepName] = get_args(StepName)

_MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what is over is kept.

    - `expired`: pushed requests, requests of devices, access tokens, families with all
      their tokens, assignments of roles, and entries of the revocation feed, after they
      expired or, without an end, after a later one has made them superfluous; refresh
      tokens, a day longer. What is alive, and what the detection of reuse needs, is
      never pruned, however short.
    - `consents`: consents that were revoked, as the record of what was allowed, with
      the families under them.
    - `login_attempts`: the log of sign-ins, which goes a month at a time.
    - `usage`: uses of licences, after their period; totals stay. A use that is reported
      once more later than this is recorded again.
    - `months_ahead`: partitions of the sign-in log that are made beyond this month's.

    What the replay guard and the throttle remember goes when they need it no longer.
    Raises InvalidArgumentError.
    """

    expired: timedelta = timedelta(days=1)
    consents: timedelta = timedelta(days=400)
    login_attempts: timedelta = timedelta(days=400)
    usage: timedelta = timedelta(days=400)
    months_ahead: int = 3

    def __post_init__(self) -> None:
        check_not_negative("expired", self.expired)
        check_not_negative("consents", self.consents)
        check_not_negative("login_attempts", self.login_attempts)
        check_not_negative("usage", self.usage)
        check_within("months_ahead", self.months_ahead, 0, MAX_MONTHS_AHEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What one step has done so far.

    `rows` were deleted, or partitions made or dropped, in `batches` that committed.
    `done`: nothing that is over is left but what others had locked. `unfinished`:
    more may be left. `failed`: `error` says why; the batches before it are committed.
    """

    step: StepName
    rows: int = 0
    batches: int = 0
    seconds: float = 0.0
    outcome: StepOutcome = "unfinished"
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What one run has done, step by step."""

    steps: Sequence[StepReport]

    @property
    def rows(self) -> int:
        """How many rows were deleted, and partitions made or dropped, in all."""
        return sum(step.rows for step in self.steps)

    @property
    def is_complete(self) -> bool:
        """Whether every step is done."""
        return all(step.outcome == "done" for step in self.steps)


def check_batch_size(batch_size: int) -> int:
    """Return a number of rows from 1 to 100,000."""
    return check_within("batch_size", batch_size, 1, _MOST_ROWS)


def chosen_steps(only: Collection[str]) -> Sequence[StepName]:
    """Return the steps of these names in their order, or all for none."""
    if unknown := sorted(set(only) - set(STEPS)):
        message = f"no such step: {', '.join(unknown)}; there are {', '.join(STEPS)}"
        raise InvalidArgumentError(message)
    return [step for step in STEPS if not only or step in only]


def until(
    time_limit: timedelta | None, stop: Callable[[], bool] | None
) -> Callable[[], bool]:
    """Give what says that the time is up, from now on, or that `stop` does."""
    limit = check_optional_positive("time_limit", time_limit)
    ends = None if limit is None else monotonic() + limit.total_seconds()

    def is_time_up() -> bool:
        is_late = ends is not None and monotonic() >= ends
        return is_late or (stop is not None and stop())

    return is_time_up
