"""OpenTelemetry: spans and metrics by the semantic conventions for databases.

Needs the extra `opentelemetry`. No span and no metric contains a value of a parameter
or a column (except an outcome), the text of an error, or the SQL text.
"""

from authority_queries.engine.telemetry import TELEMETRY
from authority_queries.errors import ConfigurationError

try:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from authority_queries.service.spans import Spans
except ModuleNotFoundError as error:
    error.add_note("telemetry needs: pip install 'authority-queries[opentelemetry]'")
    raise


def start_telemetry(
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Report each statement, and the pools' waits, from now on in this process.

    Without arguments OpenTelemetry's global providers are used, which report nothing
    until the application sets them. Raises ConfigurationError if it has started.
    """
    if TELEMETRY.observer is not None:
        message = "telemetry has started already: call `stop_telemetry` first"
        raise ConfigurationError(message)
    TELEMETRY.observer = Spans(tracer_provider, meter_provider)


def stop_telemetry() -> None:
    """Report nothing from now on. Operations that have begun are still reported."""
    TELEMETRY.observer = None
