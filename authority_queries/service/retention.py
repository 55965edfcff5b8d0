"""The arguments and the report of pruning: retention times, steps, outcomes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Literal, TypeAlias, get_args

from authority_queries.engine.refusals import refusal
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
    "create_audit_partitions",
    "drop_audit_partitions",
    "default_audit_partition",
    "used_jtis",
    "pushed_requests",
    "device_authorizations",
    "one_time_tokens",
    "signing_keys",
    "tokens",
    "refresh_tokens",
    "authorizations",
    "consents",
    "logout_notices",
    "sessions",
    "user_roles",
    "revocations",
    "superseded_revocations",
    "login_throttles",
    "license_usage",
]
StepOutcome: TypeAlias = Literal["done", "unfinished", "failed"]

STEPS: Sequence[StepName] = get_args(StepName)

_MOST_ROWS = 100_000
_LEAST_LOAD = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long expired data is kept.

    - `expired`: pushed requests, device requests, one-time tokens, access tokens,
      families with all their tokens, sessions, logout notices, role assignments,
      signing keys and entries of the revocation feed, after their expiry, and refresh
      tokens a day later. An entry without an expiry counts from the later entry that
      supersedes it.
      Live rows, and rows that the detection of reuse needs, are never pruned, however
      short the time is.
    - `consents`: revoked consents, as the record of what was allowed, with the families
      under them.
    - `login_attempts`: the log of sign-ins, which is dropped a month at a time.
    - `audit_events`: audit events, which are dropped a month at a time.
    - `usage`: uses of licences, after their period; totals stay. A use that is reported
      again after this time is recorded again.
    - `months_ahead`: how many partitions of the sign-in log and of the audit events are
      created beyond this month's.

    Rows of the replay guard and of the throttle are deleted as soon as they have no
    effect. Raises InvalidArgumentError.
    """

    expired: timedelta = timedelta(days=1)
    consents: timedelta = timedelta(days=400)
    login_attempts: timedelta = timedelta(days=400)
    audit_events: timedelta = timedelta(days=400)
    usage: timedelta = timedelta(days=400)
    months_ahead: int = 3

    def __post_init__(self) -> None:
        check_not_negative("expired", self.expired)
        check_not_negative("consents", self.consents)
        check_not_negative("login_attempts", self.login_attempts)
        check_not_negative("audit_events", self.audit_events)
        check_not_negative("usage", self.usage)
        check_within("months_ahead", self.months_ahead, 0, MAX_MONTHS_AHEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """The progress of one step.

    `rows` counts deleted rows, or partitions created or dropped. `batches` counts
    committed batches. `outcome` is `done` when no expired rows are left except locked
    ones, `unfinished` when more may be left, and `failed` when `error` has the reason;
    earlier batches are committed.
    """

    step: StepName
    rows: int = 0
    batches: int = 0
    seconds: float = 0.0
    outcome: StepOutcome = "unfinished"
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """The reports of all steps of one run."""

    steps: Sequence[StepReport]

    @property
    def rows(self) -> int:
        """The number of deleted rows, and of partitions created or dropped."""
        return sum(step.rows for step in self.steps)

    @property
    def is_complete(self) -> bool:
        """Whether every step is done."""
        return all(step.outcome == "done" for step in self.steps)


def check_batch_size(batch_size: int) -> int:
    """Return a number of rows from 1 to 100,000. Raises InvalidArgumentError."""
    return check_within("batch_size", batch_size, 1, _MOST_ROWS)


def check_max_load(max_load: float) -> float:
    """Return the seconds to pause for each second of work. Raises InvalidArgumentError.

    `max_load` is the share of the time that batches may take.
    """
    is_number = isinstance(max_load, int | float) and not isinstance(max_load, bool)
    if not is_number or not _LEAST_LOAD <= max_load <= 1:
        raise refusal("max_load", f"must be from {_LEAST_LOAD} to 1")
    return 1 / max_load - 1


def chosen_steps(only: Collection[str]) -> Sequence[StepName]:
    """Return the steps with these names in their order, or all steps without names.

    Raises InvalidArgumentError.
    """
    if unknown := sorted(set(only) - set(STEPS)):
        message = f"unknown step: {', '.join(unknown)}; allowed: {', '.join(STEPS)}"
        raise InvalidArgumentError(message)
    return [step for step in STEPS if not only or step in only]


def stop_condition(
    time_limit: timedelta | None, stop: Callable[[], bool] | None
) -> Callable[[], bool]:
    """Return a function that is true after `time_limit` from now, or when `stop` is."""
    limit = check_optional_positive("time_limit", time_limit)
    ends = None if limit is None else monotonic() + limit.total_seconds()

    def is_time_up() -> bool:
        is_late = ends is not None and monotonic() >= ends
        return is_late or (stop is not None and stop())

    return is_time_up
