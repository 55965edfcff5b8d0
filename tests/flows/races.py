"""Real services' logins in threads that start at once; the outcomes are counted."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from typing import TypeVar
from uuid import UUID

import psycopg
import pytest

from authority_queries import Store
from tests.stores import Logins

Outcome = TypeVar("Outcome")
_PATIENCE = 60

# Each call is a transaction of its own, or the unit of work is one.
both_units = pytest.mark.parametrize(
    "autocommit", [True, False], ids=["autocommit", "transaction"]
)


def race(
    logins: Logins,
    tenant_id: UUID,
    runs: Sequence[Callable[[Store], Outcome]],
    *,
    autocommit: bool = True,
) -> list[Outcome]:
    """Run each racer on a connection of its own, when all are connected."""

    def once(run: Callable[[Store], Outcome]) -> Callable[[Store, int], Outcome]:
        return lambda store, _: run(store)

    racers = [once(run) for run in runs]
    return race_often(logins, [tenant_id], racers, autocommit=autocommit)[0]


def race_often(
    logins: Logins,
    tenant_ids: Sequence[UUID],
    racers: Sequence[Callable[[Store, int], Outcome]],
    *,
    autocommit: bool = True,
) -> list[list[Outcome]]:
    """Let the racers go at once, once for each tenant; return each round's outcomes.

    Each racer has a connection of its own and gets the round's number. Before many
    rounds the tables are analyzed, as autovacuum does in the first minute of a service:
    without statistics the plans of redemption read all rows of the tenant.
    """
    if len(tenant_ids) > 1:
        with psycopg.connect(logins.dba, autocommit=True) as dba:
            dba.execute("analyze")
    start = Barrier(len(racers))

    def alone(racer: Callable[[Store, int], Outcome]) -> list[Outcome]:
        def run(number: int, tenant_id: UUID) -> Outcome:
            start.wait(timeout=_PATIENCE)
            with Store.unit(connection, tenant_id, autocommit=autocommit) as store:
                return racer(store, number)

        try:
            with psycopg.connect(logins.app, autocommit=True) as connection:
                return [run(*turn) for turn in enumerate(tenant_ids)]
        except BaseException:
            start.abort()  # nobody waits for an absent racer
            raise

    with ThreadPoolExecutor(len(racers)) as threads:
        running = [threads.submit(alone, racer) for racer in racers]
    errors = [error for each in running if (error := each.exception()) is not None]
    for error in errors:
        if not isinstance(error, BrokenBarrierError):
            raise error
    by_racer = [each.result() for each in running]
    return [list(outcomes) for outcomes in zip(*by_racer, strict=True)]
