"""What start_telemetry reports, in both forms, and what it never reports."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from time import sleep
from typing import Any
from uuid import UUID

import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from authority_queries import (
    AsyncAuthority,
    Authority,
    Store,
    mint_token,
    start_telemetry,
    stop_telemetry,
)
from authority_queries.errors import (
    ConfigurationError,
    CrossTenantError,
    DuplicateError,
    UnavailableError,
)
from authority_queries.service.spans import Spans
from tests.factories import make_client, make_tenant, make_token, make_user
from tests.isolation.services import SyncService, running, settings_for
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version


class Reported:
    """The spans and metrics of one test."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])

    def spans(self) -> list[ReadableSpan]:
        return [*self._exporter.get_finished_spans()]

    def names(self) -> list[str]:
        return [span.name for span in self.spans()]

    def forget(self) -> None:
        self._exporter.clear()

    def points(self, metric: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
        ]

    def text(self) -> str:
        """Everything that is exported."""
        data = self._reader.get_metrics_data()
        spans = "".join(span.to_json() for span in self.spans())
        return spans + (data.to_json() if data else "")


@pytest.fixture
def reported() -> Iterator[Reported]:
    reported = Reported()
    start_telemetry(reported.tracers, reported.meters)
    try:
        yield reported
    finally:
        stop_telemetry()


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


@pytest.fixture
def arranged(logins: Logins) -> Iterator[Store]:
    with routed_store(logins) as store:
        yield store


@pytest.fixture
def acme(arranged: Store) -> UUID:
    return make_tenant(arranged, code="acme").id


@pytest.fixture
def authority(
    acme: UUID, service: SyncService, logins: Logins, reported: Reported
) -> Iterator[Any]:
    with service.open(settings_for(logins.app)) as authority:
        reported.forget()
        yield authority


def test_a_statement_has_a_span_by_the_conventions(
    authority: Any, acme: UUID, reported: Reported
) -> None:
    token = mint_token("access", acme)
    assert authority.verify_token(token.token) is None
    (span,) = reported.spans()
    attributes = dict(span.attributes or {})
    assert span.name == "tokens.verify_by_token"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert attributes.pop("server.address")
    attributes.pop("server.port", None)
    assert attributes.pop("db.namespace")
    assert attributes == {
        "db.system.name": "postgresql",
        "db.query.summary": "tokens.verify_by_token",
        "db.response.returned_rows": 0,
    }
    (point,) = [
        point
        for point in reported.points("db.client.operation.duration")
        if point.attributes["db.query.summary"] == span.name
    ]
    assert point.count == 1
    assert point.explicit_bounds == (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)


def test_an_error_has_its_sqlstate_and_none_of_its_text(
    authority: Any, acme: UUID, arranged: Store, reported: Reported
) -> None:
    make_user(arranged, acme, username="ann")
    reported.forget()
    with pytest.raises(DuplicateError), authority.tenant(acme) as store:
        store.users.create(tenant_id=acme, username="ann")
    (span,) = [span for span in reported.spans() if span.name == "users.create"]
    attributes = dict(span.attributes or {})
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert span.events == ()
    assert attributes["error.type"] == "23505"
    assert attributes["db.response.status_code"] == "23505"


def test_a_unit_reports_its_commit_and_nothing_that_was_not_sent(
    authority: Any, acme: UUID, reported: Reported
) -> None:
    with authority.tenant(acme) as store:
        store.users.create(tenant_id=acme, username="bob")
        with suppress(CrossTenantError):
            store.users.create(tenant_id=UUID(int=7), username="eve")
    assert reported.names() == ["users.create", "commit"]
    commit = reported.spans()[1]
    assert (commit.attributes or {})["db.operation.name"] == "COMMIT"
    with authority.tenant(acme, autocommit=True) as store:
        store.users.create(tenant_id=acme, username="carl")
    assert reported.names() == ["users.create", "commit", "users.create"]


def test_each_attempt_has_a_span(
    authority: Any, acme: UUID, arranged: Store, reported: Reported
) -> None:
    make_user(arranged, acme, username="ann")
    reported.forget()
    for username in ("ann", "ann2"):
        with (
            suppress(DuplicateError),
            authority.tenant(acme, autocommit=True) as store,
        ):
            store.users.create(tenant_id=acme, username=username)
    states = [span.status.status_code for span in reported.spans()]
    assert states == [StatusCode.ERROR, StatusCode.UNSET]


def test_an_outcome_is_reported(authority: Any, acme: UUID, reported: Reported) -> None:
    code = mint_token("device_code", acme)
    with authority.tenant(acme, autocommit=True) as store:
        store.device_authorizations.poll(
            tenant_id=acme, client_id="web", device_code_hash=code.hash
        )
    (span,) = reported.spans()
    assert (span.attributes or {})["authority.outcome"] == "invalid"
    (point,) = [
        point
        for point in reported.points("db.client.operation.duration")
        if "authority.outcome" in point.attributes
    ]
    assert point.attributes["authority.outcome"] == "invalid"


def test_an_outcome_that_may_be_any_text_is_not_reported(
    reported: Reported, dba: "psycopg.Connection[Any]"
) -> None:
    @dataclass
    class Visit:  # the record of an own query
        outcome: str

    with Spans(reported.tracers, reported.meters).operation("visits.get", dba) as get:
        get.returned([Visit("ann@acme.example")])
    assert reported.names() == ["visits.get"]
    assert reported.points("db.client.operation.duration")
    assert "ann@" not in reported.text()


def test_no_value_is_reported(
    authority: Any, acme: UUID, arranged: Store, reported: Reported
) -> None:
    client = make_client(arranged, acme)
    token = mint_token("access", acme)
    make_token(arranged, client, token_hash=token.hash)
    assert authority.verify_token(token.token) is not None
    with authority.tenant(acme) as store:
        store.users.create(tenant_id=acme, username="a-name-of-a-user")
    everything = reported.text()
    for value in (
        token.token,
        token.hash.hex(),
        str(acme),
        acme.hex,
        "a-name-of-a-user",
        "select",
    ):
        assert value not in everything


def test_the_pool_reports_waits_uses_and_timeouts(
    logins: Logins, acme: UUID, reported: Reported
) -> None:
    settings = settings_for(logins.app, pool_timeout=0.05)
    with Authority.open(settings) as authority:
        with authority._lend(), pytest.raises(UnavailableError):
            authority.find_tenant("acme")
        assert authority.find_tenant("acme") == acme
    name = {"db.client.connection.pool.name": "authority_app"}
    (wait,) = reported.points("db.client.connection.wait_time")
    assert (wait.attributes, wait.count) == (name, 3)  # `open` has taken one, too
    (use,) = reported.points("db.client.connection.use_time")
    assert use.count == 3
    (timeouts,) = reported.points("db.client.connection.timeouts")
    assert (timeouts.attributes, timeouts.value) == (name, 1)
    (pending,) = reported.points("db.client.connection.pending_requests")
    assert pending.value == 0


def test_pending_requests_are_counted_while_they_wait(
    logins: Logins, acme: UUID, reported: Reported
) -> None:
    with Authority.open(settings_for(logins.app)) as authority:
        began = Event()

        def ask() -> None:
            began.set()
            authority.find_tenant("acme")

        with authority._lend():
            thread = Thread(target=ask)
            thread.start()
            began.wait()
            while not authority._pool._slots._waiting:
                pass
            (pending,) = reported.points("db.client.connection.pending_requests")
            assert pending.value == 1
        thread.join()


def test_spans_are_children_of_the_callers_span(
    logins: Logins, acme: UUID, reported: Reported
) -> None:
    tracer = reported.tracers.get_tracer("test")
    token = mint_token("access", acme).token
    with Authority.open(settings_for(logins.app)) as authority:
        reported.forget()
        with tracer.start_as_current_span("request") as parent:
            authority.verify_token(token)
            assert trace.get_current_span() is parent
    child = reported.spans()[0]
    assert child.parent is not None
    assert child.parent.span_id == parent.get_span_context().span_id


def test_spans_of_tasks_have_their_own_parents(
    logins: Logins, acme: UUID, reported: Reported
) -> None:
    tracer = reported.tracers.get_tracer("test")
    token = mint_token("access", acme).token

    async def request(authority: AsyncAuthority, number: int) -> None:
        with tracer.start_as_current_span(f"request {number}"):
            await authority.verify_token(token)

    async def run() -> None:
        settings = settings_for(logins.app, pool_max_size=4)
        async with AsyncAuthority.open(settings) as authority:
            reported.forget()
            await asyncio.gather(*(request(authority, n) for n in range(8)))

    asyncio.run(run())
    by_id = {span.context.span_id: span.name for span in reported.spans()}
    parents = [
        by_id[span.parent.span_id]
        for span in reported.spans()
        if span.name == "tokens.verify_by_token" and span.parent is not None
    ]
    assert sorted(parents) == [f"request {n}" for n in range(8)]


def test_metrics_are_reported_where_no_span_is_sampled(
    logins: Logins, acme: UUID
) -> None:
    reported = Reported()
    start_telemetry(TracerProvider(sampler=ALWAYS_OFF), reported.meters)
    try:
        with Authority.open(settings_for(logins.app)) as authority:
            assert authority.find_tenant("acme") == acme
    finally:
        stop_telemetry()
    found = {
        point.attributes["db.query.summary"]: point.count
        for point in reported.points("db.client.operation.duration")
    }
    assert found["tenants.find"] == 1
    assert reported.spans() == []


def test_nothing_is_reported_after_the_stop(
    logins: Logins, acme: UUID, reported: Reported
) -> None:
    with Authority.open(settings_for(logins.app)) as authority:
        reported.forget()
        stop_telemetry()
        assert authority.find_tenant("acme") == acme
    assert reported.spans() == []


def test_telemetry_starts_once(reported: Reported) -> None:
    with pytest.raises(ConfigurationError, match="started already"):
        start_telemetry(reported.tracers)


def test_a_verifier_reports_its_lookups(
    arranged: Store, acme: UUID, logins: Logins, reported: Reported
) -> None:
    minted, _ = make_token(arranged, make_client(arranged, acme))
    calls = 0
    with (
        Authority.open(settings_for(logins.app)) as authority,
        authority.verifier() as verifier,
    ):
        while verifier.statistics.hits < 2:
            calls += 1
            assert calls < 1000, "no answer from memory"
            assert verifier.verify_token(minted.token) is not None
            sleep(0.01)
    found = {
        point.attributes["authority.cache.result"]: point.value
        for point in reported.points("authority.cache.lookups")
    }
    assert found == {"hit": 2, "miss": calls - 2}


def test_the_store_does_not_import_opentelemetry() -> None:
    code = (
        "import sys; from authority_queries import Authority, AsyncAuthority; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_extra_its_name_is_all_that_the_error_notes() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from authority_queries import start_telemetry"
    )
    run = [sys.executable, "-c", code]
    error = subprocess.run(run, check=False, capture_output=True, text=True).stderr
    assert error.splitlines()[-1] == (
        "telemetry needs: pip install 'authority-queries[opentelemetry]'"
    )
