"""Pruners beside each other and beside services; every row is counted."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Literal

from authority_queries import Retention, Store, mint_token
from authority_queries.engine._sync.pooler_detection import look
from authority_queries.errors import MissingReferenceError
from authority_queries.service._sync.pruning import prune
from authority_queries.service._sync.pruning_steps import STEPS
from authority_queries.service.migrations import yoyo_url
from authority_queries.service.retention import StepName
from tests.flows.races import race
from tests.prunable import DAY, LIVE, PRUNABLE, World
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
REPEATED = sorted(PRUNABLE)
PROLONGED = [name for name in REPEATED if PRUNABLE[name].prolong is not None]
HOUR = timedelta(hours=1)

# A session that executes it waits at the gate, with a snapshot already taken.
_GATED_CLOCK = SQL("""
create or replace function authority.clock() returns timestamptz
language plpgsql stable set lock_timeout = 0 as $$
begin
    perform pg_advisory_lock_shared(5);
    perform pg_advisory_unlock_shared(5);
    return statement_timestamp() + {}::interval;
end
$$
""")


class Gate:
    """A gate that stops every session that asks for the time, until it is opened."""

    def __init__(self, dba: Dba, later: timedelta = 0 * DAY) -> None:
        self._dba = dba
        dba.execute(_GATED_CLOCK.format(Literal(later)))

    def close(self) -> None:
        self._dba.execute("select pg_advisory_lock(5)")

    def wait_for(self, sessions: int) -> None:
        """Wait until so many sessions wait here."""
        waiting = (
            "select from pg_stat_activity where wait_event = 'advisory' "
            "and datname = current_database()"
        )
        while len(self._dba.execute(waiting).fetchall()) < sessions:
            pass

    def open(self) -> None:
        self._dba.execute("select pg_advisory_unlock(5)")


@pytest.fixture
def world(store: Store, dba: Dba) -> World:
    return World.make(store, dba)


@pytest.fixture
def pruner(logins: Logins) -> Iterator[Callable[[StepName, int], int]]:
    """A session that plans a statement once, even when its table changes."""
    options = "-c plan_cache_mode=force_generic_plan -c statement_timeout=30s"
    with psycopg.connect(
        logins.maintenance,
        autocommit=True,
        prepare_threshold=0,
        options=f"{logins.bare} {options}",
    ) as connection:
        assert look(connection)
        store = Store(connection)
        yield lambda name, size: STEPS[name].batch(store, Retention(), size)


def deadlocks(dba: Dba) -> int:
    row = dba.execute(
        "select deadlocks from pg_stat_database where datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("name", PROLONGED)
def test_a_row_that_is_prolonged_while_it_is_read_is_kept(
    name: StepName, world: World, pruner: Callable[[StepName, int], int]
) -> None:
    gate = Gate(world.dba)
    assert pruner(name, 1000) == 0  # planned: from now on the clock is only executed
    world.insert(name, 3)
    with ThreadPoolExecutor(1) as threads:
        gate.close()
        pruned = threads.submit(pruner, name, 1000)
        gate.wait_for(1)
        world.prolong(name)
        gate.open()
        assert pruned.result(timeout=60) == 0
    assert world.count(name) == 3


@pytest.mark.parametrize("name", PROLONGED)
def test_a_pruner_does_not_wait_for_a_row_that_is_being_prolonged(
    name: StepName,
    world: World,
    conninfo: str,
    pruner: Callable[[StepName, int], int],
) -> None:
    world.insert(name, 3)
    with psycopg.connect(conninfo) as extender:
        replace(world, dba=extender).prolong(name)
        world.insert(name, 4)
        assert pruner(name, 1000) == 4
    assert pruner(name, 1000) == 0
    assert world.count(name) == 3


@pytest.mark.parametrize("name", REPEATED)
def test_a_batch_is_never_larger_than_its_limit_whatever_the_plan(
    name: StepName, world: World, pruner: Callable[[StepName, int], int]
) -> None:
    world.insert(name, 1)
    world.dba.execute(f"analyze authority.{PRUNABLE[name].table}".encode())
    assert pruner(name, 10) == 1  # planned for a table of one row
    world.insert(name, 300)
    assert pruner(name, 10) == 10
    assert world.count(name) == 290


def command(logins: Logins, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "authority_queries", "prune", *arguments],
        env={**os.environ, "AUTHORITY_DATABASE_URL": yoyo_url(logins.maintenance)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_8_commands_delete_each_expired_row_once_and_nothing_else(
    world: World, logins: Logins, figures: list[str]
) -> None:
    # At this time months have to be created and dropped, too.
    gate = Gate(world.dba, later=700 * DAY)
    for name in REPEATED:
        world.insert(name, 1000)
        world.insert(name, 50, LIVE)
    gate.close()
    commands = [command(logins, "--batch-size", "40") for _ in range(8)]
    gate.wait_for(8)
    gate.open()
    rows: Counter[str] = Counter()
    workers: Counter[str] = Counter()
    for each in commands:
        told, said = each.communicate(timeout=300)
        assert each.returncode == 0, told + said
        for name, count in re.findall(r"^(\w+) +(\d+) .* done$", told, re.M):
            rows[name] += int(count)
            workers[name] += int(count) > 0
    figures.append(
        f"8 commands at once: {rows.total()} rows and months in {len(rows)} steps, of "
        f"up to {max(workers.values())} commands each; {deadlocks(world.dba)} deadlocks"
    )
    expected: dict[str, int] = {
        "create_partitions": 4,
        "drop_partitions": 4,
        # The rows above have made events, so the default partition has this month.
        "create_audit_partitions": 3,
        "drop_audit_partitions": 4,
    }
    expected.update((name, 1000) for name in REPEATED)
    assert rows == expected
    assert {world.count(name) for name in REPEATED} == {50}
    assert deadlocks(world.dba) == 0
    assert max(workers.values()) > 1


def test_8_pruners_beside_4_importers_into_ended_families_delete_no_live_token(
    store: Store, world: World, logins: Logins, figures: list[str]
) -> None:
    world.insert("authorizations", 2000)
    families: list[UUID] = [
        row[0]
        for row in world.dba.execute(
            "select id from authority.authorizations order by random()"
        )
    ]
    start = Barrier(12)

    def prune_all() -> int:
        with psycopg.connect(logins.maintenance, autocommit=True) as connection:
            start.wait(timeout=60)
            only: list[StepName] = ["authorizations", "tokens"]
            report = prune(Store(connection), batch_size=5, only=only)
            assert report.is_complete
            return report.rows

    def import_tokens(place: int) -> Callable[[Store], list[bytes]]:
        def run(store: Store) -> list[bytes]:
            start.wait(timeout=60)
            issued = []
            for family in families[place::4]:
                minted = mint_token("refresh", world.tenant_id)
                try:
                    store.tokens.create(
                        tenant_id=world.tenant_id,
                        type="refresh",
                        token_hash=minted.hash,
                        client_uuid=world.client_uuid,
                        authorization_id=family,
                        lifetime=HOUR,
                    )
                except MissingReferenceError:
                    continue
                issued.append(minted.hash)
            return issued

        return run

    with ThreadPoolExecutor(8) as threads:
        pruners = [threads.submit(prune_all) for _ in range(8)]
        importers = [import_tokens(place) for place in range(4)]
        issued = [
            token
            for tokens in race(logins, world.tenant_id, importers)
            for token in tokens
        ]
        pruned = sum(pruner.result(timeout=120) for pruner in pruners)
    figures.append(
        f"8 pruners beside 4 importers of tokens into 2000 families that are over: "
        f"{len(issued)} live on, {pruned} pruned; {deadlocks(world.dba)} deadlocks"
    )
    # Both ways were taken, and each family went one of them.
    assert 0 < len(issued) < 2000
    assert (pruned, world.count("authorizations")) == (2000 - len(issued), len(issued))
    for token in issued:
        assert store.tokens.verify(
            tenant_id=world.tenant_id, token_hash=token, type="refresh"
        )
    assert deadlocks(world.dba) == 0
