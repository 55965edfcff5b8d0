"""`python -m benchmarks.client`: what a pooled call and telemetry cost the client.

Exits with 1 when `authority.verify_token` takes more than 1.25 times the processor time
of `tokens.verify_by_token` on its connection, or telemetry that is off more than 1.02
times that of a call without it, and with 2 when there is no server.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

import psycopg
import uvloop
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tabulate import tabulate

from authority_queries import AsyncAuthority, Authority, Settings, start_telemetry
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.engine._sync.adapter import Adapter
from authority_queries.engine._sync.execution import admit, fetched
from authority_queries.engine.statement import Statement
from authority_queries.engine.telemetry import TELEMETRY, Observer
from authority_queries.errors import AuthorityError
from authority_queries.queries import tokens
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import yoyo_url
from benchmarks.cases import Arguments
from benchmarks.machine import machine
from benchmarks.measuring import (
    Measured,
    Timer,
    async_client_timer,
    client_timer,
    measure,
)
from benchmarks.peers import Peer
from benchmarks.rows import Rows, insert_rows

_POOLED: Final = 1.25
_OFF: Final = 1.02
_BLOCKS: Final = 100
_BLOCK: Final = 0.02
_HEADERS: Final = ("call", "form", "CPU µs", "compared with", "CPU µs", "ratio")
_FORMATS: Final = ("", "", ".1f", "", ".1f", ".3f")


class _Line(NamedTuple):
    """A line of the table: microseconds of this process's processor time."""

    call: str
    form: str
    microseconds: float
    peer: str
    of_peer: float
    ratio: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 above a limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.client", description=__doc__
    )
    parser.add_argument(
        "--server",
        metavar="CONNINFO",
        help="server to measure on (default: embedded)",
    )
    server = parser.parse_args(arguments).server
    with throwaway_database([MIGRATIONS], server) as database:
        print(machine(database), end="\n\n")
        with psycopg.connect(database, autocommit=True) as connection:
            rows = insert_rows(connection)
        settings = Settings(database_url=yoyo_url(database), pool_max_size=1)
        pooled = [
            asyncio.run(_pooled(settings, rows)),
            asyncio.run(_pooled_async(settings, rows, "asyncio")),
            uvloop.run(_pooled_async(settings, rows, "uvloop")),
        ]
        observed = asyncio.run(_observed(settings, rows))
    print("The client's processor time of one verification:")
    print(
        tabulate([*pooled, *observed], headers=_HEADERS, floatfmt=_FORMATS), end="\n\n"
    )
    worst = max(line.ratio for line in pooled)
    print(f"pooled to generated: {worst:.3f}; allowed: {_POOLED}")
    print(f"telemetry off to none: {observed[0].ratio:.3f}; allowed: {_OFF}")
    return 1 if worst > _POOLED or observed[0].ratio > _OFF else 0


async def _pooled(settings: Settings, rows: Rows) -> _Line:
    with Authority.open(settings) as authority:
        with authority._lend() as connection:
            pass  # the pool's only connection, which both ways use in turns

        def generated(_: object) -> object:
            return tokens.verify_by_token(
                connection,
                tenant_id=rows.tenant_id,
                token_hash=rows.token_hash,
                type="access",
                resource=None,
            )

        def pooled(_: object) -> object:
            return authority.verify_token(rows.token)

        timers = [client_timer(pooled), client_timer(generated)]
        found = await measure(timers, _nothing, _BLOCKS, _BLOCK)
    return _line("authority.verify_token", "sync", "generated", found)


async def _pooled_async(settings: Settings, rows: Rows, form: str) -> _Line:
    async with AsyncAuthority.open(settings) as authority:
        async with authority._lend() as connection:
            pass

        async def generated(_: object) -> object:
            return await tokens.verify_by_token_async(
                connection,
                tenant_id=rows.tenant_id,
                token_hash=rows.token_hash,
                type="access",
                resource=None,
            )

        async def pooled(_: object) -> object:
            return await authority.verify_token(rows.token)

        timers = [async_client_timer(pooled), async_client_timer(generated)]
        found = await measure(timers, _nothing, _BLOCKS, _BLOCK)
    return _line("authority.verify_token", form, "generated", found)


async def _observed(settings: Settings, rows: Rows) -> list[_Line]:
    """Compare telemetry that is off, and on in three ways, with a call without it."""
    ways = (
        ("telemetry is off", None),
        ("the API alone", _observer(None, None)),
        (
            "SDK, no span sampled",
            _observer(TracerProvider(sampler=ALWAYS_OFF), MeterProvider()),
        ),
        ("SDK, all spans sampled", _observer(TracerProvider(), MeterProvider())),
    )
    lines = []
    with Authority.open(settings) as authority:

        def verify(_: object) -> object:
            return authority.verify_token(rows.token)

        for call, observer in ways:
            timers = [
                _switched(verify, observer, Adapter._rows),
                _switched(verify, None, _rows_without),
            ]
            found = await measure(timers, _nothing, _BLOCKS, _BLOCK)
            lines.append(_line(call, "sync", "no telemetry", found))
    return lines


def _observer(
    tracers: TracerProvider | None, meters: MeterProvider | None
) -> Observer | None:
    start_telemetry(tracers, meters)
    observer, TELEMETRY.observer = TELEMETRY.observer, None
    return observer


def _switched(peer: Peer, observer: Observer | None, rows: object) -> Timer:
    """Return a timer that executes statements with this method and observer."""
    timer, usual = client_timer(peer), Adapter._rows

    async def run(batch: Sequence[Arguments]) -> float:
        TELEMETRY.observer = observer
        setattr(Adapter, "_rows", rows)  # noqa: B010 -- replaces a method
        try:
            return await timer(batch)
        finally:
            TELEMETRY.observer = None
            setattr(Adapter, "_rows", usual)  # noqa: B010 -- as above

    return run


def _rows_without(
    self: Adapter,
    conn: psycopg.Connection[object],
    statement: Statement,
    sql: str,
    parameters: Arguments,
) -> list[object]:
    """Do what the adapter does, without a look at the observer."""
    unit = admit(conn, statement, parameters)
    if self._types:
        self._types.learn(conn)
    return fetched(conn, statement, unit, sql, parameters)


def _nothing() -> dict[str, object]:
    return {}


def _line(call: str, form: str, peer: str, found: Measured) -> _Line:
    return _Line(
        call=call,
        form=form,
        microseconds=found.microseconds(0),
        peer=peer,
        of_peer=found.microseconds(1),
        ratio=found.ratio(1),
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.client: {error}", file=sys.stderr)
        sys.exit(2)
