"""How many trips to the server a request makes, by its spans."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from threading import get_ident

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from authority_queries import start_telemetry, stop_telemetry
from authority_queries.contrib.oauth import Answer, Provider, Request
from authority_queries.testing import Clock, SampleTenant
from tests.contrib.flows import basic, body, error, post

pytestmark = pytest.mark.one_version

SECRET = "swordfish"
TOKEN = post("/token", grant_type="client_credentials", scope="reports.read")
DEVICE = post("/device_authorization", scope="reports.read")


class OfThisThread(SimpleSpanProcessor):
    """Exports the spans of one thread. Servers of other tests run in others."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        super().__init__(exporter)
        self._thread = get_ident()

    def on_end(self, span: ReadableSpan) -> None:
        if get_ident() == self._thread:
            super().on_end(span)


@pytest.fixture
def asked(
    provider: Provider, authority_tenant: SampleTenant, authority_clock: Clock
) -> Iterator[Callable[..., tuple[Answer, list[str]]]]:
    """Returns a function that sends a request, and returns the answer and trips.

    The database's clock is two minutes slow.
    """
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(OfThisThread(exporter))
    authority_clock.advance(timedelta(minutes=-2))
    with authority_tenant.unit() as store:
        store.scopes.create(tenant_id=authority_tenant.id, name="reports.read")
    authority_tenant.client("reports", secret=SECRET)

    def send(request: Request, secret: str = SECRET) -> tuple[Answer, list[str]]:
        endpoint = {
            "token": provider.token,
            "introspect": provider.introspection,
            "device_authorization": provider.devices,
        }[request.url.rpartition("/")[2]]
        exporter.clear()
        answer = endpoint.answer(replace(request, headers=[basic("reports", secret)]))
        return answer, [span.name for span in exporter.get_finished_spans()]

    start_telemetry(tracers, MeterProvider())
    try:
        yield send
    finally:
        stop_telemetry()


def test_a_request_reads_the_client_and_what_it_needs_in_one_trip(
    asked: Callable[..., tuple[Answer, list[str]]], authority_clock: Clock
) -> None:
    # The use of the secret is noted again when the note is a minute old.
    for _ in range(2):
        _, trips = asked(TOKEN)
        assert trips == [
            "together",
            "client_secrets.record_use",
            "grants.issue_to_client",
        ]
        authority_clock.reset()
    issued, trips = asked(TOKEN)
    assert trips == ["together", "grants.issue_to_client"]
    device, trips = asked(DEVICE)
    assert (device.status, trips) == (200, ["together", "device_authorizations.create"])
    introspection = post("/introspect", token=str(body(issued)["access_token"]))
    found, trips = asked(introspection)
    assert (body(found)["active"], trips) == (True, ["together"])


def test_what_is_read_with_a_client_is_not_for_a_client_that_is_refused(
    asked: Callable[..., tuple[Answer, list[str]]],
) -> None:
    issued, _ = asked(TOKEN)
    token = str(body(issued)["access_token"])
    for request in (TOKEN, DEVICE, post("/introspect", token=token)):
        refused, trips = asked(request, "a wrong secret")
        assert (error(refused, 401), trips) == ("invalid_client", ["together"])
