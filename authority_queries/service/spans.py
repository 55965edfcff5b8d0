"""What is reported to OpenTelemetry's API of operations, pools and caches."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType
from typing import Final, Literal, get_origin
from weakref import WeakKeyDictionary

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    TracerProvider,
    get_tracer,
)

from authority_queries.engine.direct_connections import AnyConnection
from authority_queries.service.instruments import SCHEMA_URL, SCOPE, Instruments

_Attributes = dict[str, str | int]
_DEFAULT_PORT: Final = 5432
_COMMIT: Final = "commit"


class SpanOperation:
    """An operation with a span, and its time for the metric."""

    __slots__ = ("_attributes", "_instruments", "_span", "_started")

    def __init__(
        self, span: Span, instruments: Instruments, attributes: _Attributes
    ) -> None:
        self._span, self._instruments = span, instruments
        self._attributes = attributes
        self._started = perf_counter()

    def __enter__(self) -> "SpanOperation":
        return self

    def returned(self, rows: list[object]) -> None:
        """Report the number of rows, and the outcome of a row that has one."""
        self._span.set_attribute("db.response.returned_rows", len(rows))
        if len(rows) != 1 or not _has_outcome(rows[0]):
            return
        outcome = getattr(rows[0], "outcome", None)
        if isinstance(outcome, str):
            self._attributes["authority.outcome"] = outcome
            self._span.set_attribute("authority.outcome", outcome)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = perf_counter() - self._started
        if error is not None:
            found = error_attributes(error)
            self._attributes |= found
            self._span.set_attributes(found)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
        self._instruments.duration.record(seconds, self._attributes)


class Spans:
    """Observes this process for OpenTelemetry."""

    def __init__(
        self, tracers: TracerProvider | None, meters: MeterProvider | None
    ) -> None:
        self._tracer = get_tracer(SCOPE, "", tracers, SCHEMA_URL)
        self._instruments = Instruments(get_meter(SCOPE, "", meters, SCHEMA_URL))
        self._servers: WeakKeyDictionary[AnyConnection, Mapping[str, str | int]] = (
            WeakKeyDictionary()
        )

    def operation(self, label: str, connection: AnyConnection) -> SpanOperation:
        """Begin the span of a statement, below the caller's."""
        server = self._servers.get(connection)
        if server is None:
            server = self._servers[connection] = server_attributes(connection)
        attributes = {**server, "db.query.summary": label}
        if label == _COMMIT:
            attributes["db.operation.name"] = "COMMIT"
        span = self._tracer.start_span(
            label, kind=SpanKind.CLIENT, attributes=attributes
        )
        return SpanOperation(span, self._instruments, attributes)

    @contextmanager
    def wait(self, pool: str) -> Iterator[None]:
        """Report how long a caller waits for a connection, and how many wait."""
        attributes, started = {"db.client.connection.pool.name": pool}, perf_counter()
        self._instruments.pending.add(1, attributes)
        try:
            yield
            self._instruments.wait.record(perf_counter() - started, attributes)
        finally:
            self._instruments.pending.add(-1, attributes)

    def used(self, pool: str, seconds: float) -> None:
        """Report how long a caller has used a connection."""
        self._instruments.use.record(seconds, {"db.client.connection.pool.name": pool})

    def timed_out(self, pool: str) -> None:
        """Count a caller that got no connection in time."""
        self._instruments.timeouts.add(1, {"db.client.connection.pool.name": pool})

    def looked_up(self, cache: str, result: str) -> None:
        """Count a look into a cache."""
        self._instruments.lookups.add(
            1, {"authority.cache.name": cache, "authority.cache.result": result}
        )


def _has_outcome(row: object) -> bool:
    """Return whether the outcome of such rows is one of a fixed list.

    A column of an own query may have this name, and any text of a user.
    """
    annotations: Mapping[str, object] = getattr(type(row), "__annotations__", {})
    return get_origin(annotations.get("outcome")) is Literal


def server_attributes(connection: AnyConnection) -> Mapping[str, str | int]:
    """Return what identifies the database, as the connection string names it."""
    info = connection.info
    found: _Attributes = {
        "db.system.name": "postgresql",
        "db.namespace": info.dbname,
        "server.address": info.host,
    }
    if info.port != _DEFAULT_PORT:
        found["server.port"] = info.port
    return found


def error_attributes(error: BaseException) -> Mapping[str, str]:
    """Return the class of an error and PostgreSQL's SQLSTATE, and nothing of its text.

    An error without an SQLSTATE has its class as its type.
    """
    for cause in (error, error.__cause__):
        sqlstate = getattr(cause, "sqlstate", None)
        if isinstance(sqlstate, str):
            return {"error.type": sqlstate, "db.response.status_code": sqlstate}
    kind = type(error)
    return {"error.type": f"{kind.__module__}.{kind.__qualname__}"}
