"""The metrics of OpenTelemetry's semantic conventions that this package reports."""

from typing import Final

from opentelemetry.metrics import Meter

SCOPE: Final = "authority_queries"
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.37.0"

# The boundaries that the conventions advise, in seconds.
_OPERATION: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


class Instruments:
    """The instruments of one meter."""

    def __init__(self, meter: Meter) -> None:
        self.duration = meter.create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="Duration of database client operations.",
            explicit_bucket_boundaries_advisory=_OPERATION,
        )
        self.wait = meter.create_histogram(
            "db.client.connection.wait_time",
            unit="s",
            description="The time it took to obtain an open connection from the pool.",
            explicit_bucket_boundaries_advisory=_OPERATION,
        )
        self.use = meter.create_histogram(
            "db.client.connection.use_time",
            unit="s",
            description="The time between borrowing a connection and returning it.",
            explicit_bucket_boundaries_advisory=_OPERATION,
        )
        self.pending = meter.create_up_down_counter(
            "db.client.connection.pending_requests",
            unit="{request}",
            description="The number of current pending requests for a connection.",
        )
        self.timeouts = meter.create_counter(
            "db.client.connection.timeouts",
            unit="{timeout}",
            description="The number of timeouts while waiting for a connection.",
        )
        self.lookups = meter.create_counter(
            "authority.cache.lookups",
            unit="{lookup}",
            description="The number of looks into a cache, by their result.",
        )
