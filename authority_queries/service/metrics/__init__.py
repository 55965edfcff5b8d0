"""The metrics of a reading, and their text for Prometheus."""

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from authority_queries.service.metrics.metric import Metric
from authority_queries.service.metrics.storage import STORAGE
from authority_queries.service.metrics.work import WORK
from authority_queries.service.stats import Stats

METRICS: Final[Sequence[Metric]] = (*STORAGE, *WORK)


class Reading(Collector):
    """The metrics of one reading, for a registry of prometheus_client.

    A figure that the login may not see has no sample.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield a family for each metric that has a sample."""
        for metric in METRICS:
            counts = metric.kind == "counter"
            family = CounterMetricFamily if counts else GaugeMetricFamily
            found = family(metric.name, metric.help, labels=metric.labels)
            for labels, value in metric.values(self._stats):
                if value is not None:
                    found.add_metric(labels, float(value))
            if found.samples:
                yield found


def prometheus_text(stats: Stats) -> str:
    """Return the metrics in the text format that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(Reading(stats))
    return generate_latest(registry).decode()
