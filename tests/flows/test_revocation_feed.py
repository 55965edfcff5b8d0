"""A follower misses nothing and reads nothing twice, whatever publishers do."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import chain
from threading import Barrier
from uuid import UUID

import psycopg
import pytest

from authority_queries import Settings, Store
from authority_queries.records import Revocation
from authority_queries.service.migrations import yoyo_url
from tests.factories import HOUR, make_tenant
from tests.flows.followers import END, FORMS, Dba, Feed, Follow, publish
from tests.stores import Logins, routed_store

PUBLISHERS, TRANSACTIONS = 8, 60
OUTCOMES = ["commit"] * 7 + ["rollback"] * 2 + ["death"]
# The transaction took its id, and so began to write, before a transaction that precedes
# it in the feed.
OVERTAKEN = """
select count(*) from (
    select
        xmin::text::bigint as xid,
        max(xmin::text::bigint) over (order by sequence) as newest
    from authority.revocations
) as entries
where xid < newest
"""


class RollbackError(Exception):
    """Ends a transaction on purpose."""


@pytest.fixture
def feeds(logins: Logins) -> tuple[Feed, Feed]:
    """The feed of the tenant, and another tenant's."""
    with routed_store(logins) as store:
        ids = [make_tenant(store).id for _ in range(2)]
    return Feed(logins, ids[0]), Feed(logins, ids[1])


def publisher(
    logins: Logins, dba: Dba, tenant_id: UUID, number: int, start: Barrier
) -> tuple[Counter[str], list[str]]:
    """Publish in transactions of random length; return their ends and what stays."""
    chance = random.Random(number)  # noqa: S311 -- no secret
    outcomes: Counter[str] = Counter()
    committed: list[str] = []
    start.wait(timeout=60)
    for transaction in range(TRANSACTIONS):
        outcome = chance.choice(OUTCOMES)
        targets = [f"{number}-{transaction}-{n}" for n in range(chance.randint(1, 3))]
        with (
            psycopg.connect(logins.app, autocommit=True) as connection,
            suppress(RollbackError, psycopg.OperationalError),
        ):
            with Store.unit(connection, tenant_id) as store:
                # This takes a transaction id.
                store.users.create(tenant_id=tenant_id, username=targets[0])
                work(store, chance)
                for target in targets:
                    publish(store, tenant_id, target)
                work(store, chance)
                if outcome == "rollback":
                    raise RollbackError
                if outcome == "death":
                    pid = connection.info.backend_pid
                    dba.execute("select pg_terminate_backend(%s, 5000)", (pid,))
            assert outcome == "commit"
            committed += targets
        outcomes[outcome] += 1
    return outcomes, committed


def work(store: Store, chance: random.Random) -> None:
    steps = chance.randrange(20_000)
    store.connection.execute("select count(*) from generate_series(1, %s)", (steps,))


def resuming(
    follow: Follow, settings: Settings, tenant_id: UUID, *, listen: bool, number: int
) -> tuple[int, list[Revocation]]:
    """Follow up to the end, with stops; return their number and the entries."""
    chance = random.Random(number)  # noqa: S311 -- no secret
    seen: list[Revocation] = []
    runs = 0
    while not seen or seen[-1].target != END:
        runs += 1
        stop_at = len(seen) + chance.randint(1, 40)

        def note(entry: Revocation, stop_at: int = stop_at) -> bool:
            seen.append(entry)
            return entry.target != END and len(seen) < stop_at

        follow(
            settings,
            tenant_id,
            note,
            after=seen[-1].sequence if seen else 0,
            poll_interval=timedelta(milliseconds=50) if not listen else HOUR,
            listen=listen,
        )
    return runs, seen


def test_each_follower_reads_each_committed_entry_once_and_in_order(
    logins: Logins, dba: Dba, feeds: tuple[Feed, Feed], figures: list[str]
) -> None:
    feed, other = feeds
    settings = Settings(database_url=yoyo_url(logins.app), pool_max_size=1)
    start = Barrier(PUBLISHERS)
    with ThreadPoolExecutor(PUBLISHERS + 3) as threads:
        following = [
            threads.submit(
                resuming,
                FORMS[form],
                settings,
                feed.tenant_id,
                listen=listen,
                number=number,
            )
            for number, (form, listen) in enumerate(
                [("sync", True), ("async", True), ("async", False)]
            )
        ]
        publishing = [
            threads.submit(publisher, logins, dba, feed.tenant_id, number, start)
            for number in range(PUBLISHERS)
        ]
        other.publish("another tenant's")
        try:
            ends = [done.result() for done in publishing]
        finally:
            feed.publish(END)
        followed = [done.result() for done in following]

    committed = [*chain.from_iterable(targets for _, targets in ends), END]
    outcomes: Counter[str] = sum((counted for counted, _ in ends), Counter())
    for _, seen in followed:
        assert [entry.sequence for entry in seen] == [*range(1, len(committed) + 1)]
        assert sorted(entry.target for entry in seen) == sorted(committed)
        assert {entry.tenant_id for entry in seen} == {feed.tenant_id}
    overtaken = dba.execute(OVERTAKEN).fetchone()
    assert overtaken is not None
    assert overtaken[0] > 0
    assert min(outcomes.values()) > 0
    figures.append(
        f"revocation feed: {PUBLISHERS} publishers, {outcomes.total()} transactions "
        f"({outcomes['commit']} committed, {outcomes['rollback']} rolled back, "
        f"{outcomes['death']} killed): {len(committed)} entries, "
        f"{overtaken[0]} of them overtaken; 3 followers in "
        f"{'+'.join(str(runs) for runs, _ in followed)} runs saw "
        f"{'+'.join(str(len(seen)) for _, seen in followed)}, 0 missed, 0 twice"
    )
