"""A metric: its name, meaning and labels, and its values in a reading."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from authority_queries.records import DatabaseStats
from authority_queries.service.stats import Stats

# The values of the labels, and the figure. None: the login may not see it.
Sample: TypeAlias = tuple[Sequence[str], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A name by the conventions of Prometheus: base units, `_total` for counters."""

    name: str
    help: str
    values: Callable[[Stats], Iterable[Sample]]
    labels: Sequence[str] = ()
    kind: Literal["gauge", "counter"] = "gauge"


def of_database(
    name: str,
    text: str,
    value: Callable[[DatabaseStats], float | None],
    kind: Literal["gauge", "counter"] = "gauge",
) -> Metric:
    """Return a metric without labels, with a value unless the query has failed."""

    def values(stats: Stats) -> Iterable[Sample]:
        if stats.database is not None:
            yield (), value(stats.database)

    return Metric(name=name, help=text, values=values, kind=kind)


def timestamp(time: datetime | None) -> float | None:
    """Return the Unix time in seconds, or None."""
    return None if time is None else time.timestamp()
