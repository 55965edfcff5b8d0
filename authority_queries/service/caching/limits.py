"""The limits of a verifier, and its counts."""

from dataclasses import dataclass
from datetime import timedelta

from authority_queries.engine.checks import exact_duration
from authority_queries.engine.refusals import refusal
from authority_queries.repositories.arguments import (
    check_count,
    check_not_negative,
    check_positive,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierLimits:
    """The bounds of a verifier, in seconds and counts."""

    max_age: float
    max_staleness: float
    poll_interval: float
    refused_for: float
    max_tokens: int
    max_refused: int
    max_tenants: int

    @classmethod
    def of(
        cls,
        *,
        max_age: timedelta,
        max_staleness: timedelta,
        poll_interval: timedelta,
        refused_for: timedelta,
        max_tokens: int,
        max_refused: int,
        max_tenants: int,
    ) -> "VerifierLimits":
        """Check the arguments of `verifier`. Raises InvalidArgumentError."""
        check_positive("poll_interval", poll_interval)
        if exact_duration("max_staleness", max_staleness) <= poll_interval:
            raise refusal("max_staleness", "must be longer than poll_interval")
        return cls(
            max_age=check_positive("max_age", max_age).total_seconds(),
            max_staleness=max_staleness.total_seconds(),
            poll_interval=poll_interval.total_seconds(),
            refused_for=check_not_negative("refused_for", refused_for).total_seconds(),
            max_tokens=check_count("max_tokens", max_tokens),
            max_refused=check_count("max_refused", max_refused),
            max_tenants=check_count("max_tenants", max_tenants),
        )


class Counts:
    """The counters of VerifierStatistics."""

    def __init__(self) -> None:
        self.hits = self.misses = self.shared = self.refused_hits = 0
        self.bypasses = self.repeats = self.ended = self.evictions = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierStatistics:
    """What a verifier has done since it was opened, and what it holds now."""

    hits: int
    """Calls that found a live token in memory, also for another resource."""
    misses: int
    """Trips to the database whose answers may be kept."""
    shared: int
    """Calls that waited for the trip of another call for the same token."""
    refused_hits: int
    """Calls that were refused from memory."""
    bypasses: int
    """Trips of single calls while the feed was away."""
    repeats: int
    """Trips that were repeated, because an entry was read during them."""
    ended: int
    """Answers that entries of the feed have ended."""
    evictions: int
    """Answers that were dropped before their end, to keep `max_tokens`."""
    tokens: int
    """Answers in memory."""
    refused: int
    """Refusals in memory."""
    tenants: int
    """Tenants whose feeds are followed."""
    staleness: float | None
    """The longest time in seconds since a feed was read to its end. None if no feed
    is followed.
    """
