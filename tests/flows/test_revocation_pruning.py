"""Pruning beside a superuser who extends entries, which no service may do."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg

from authority_queries import Store
from tests.factories import HOUR
from tests.flows.followers import Dba, Feed
from tests.stores import Logins

PRUNERS, EXTENDERS, ENTRIES = 4, 4, 2000

_EXPIRED = """
insert into authority.revocations
(tenant_id, sequence, category, target, reason, effective_at, expires_at)
select
    %s, n, 'token', 'jti', 'test', now() - interval '2 days', now() - interval '1 day'
from generate_series(1, %s) as n
"""
_EXTEND = """
update authority.revocations set expires_at = now() + interval '1 day'
where sequence = %s
"""


def prune(logins: Logins, start: Barrier) -> int:
    with psycopg.connect(logins.maintenance, autocommit=True) as connection:
        store = Store(connection)
        start.wait(timeout=60)
        pruned = 0
        while batch := store.revocations.prune_expired(older_than=HOUR, batch_size=20):
            pruned += batch
        return pruned


def extend(logins: Logins, start: Barrier, number: int) -> set[int]:
    """Extend entries, and return those that still existed."""
    chance = random.Random(number)  # noqa: S311 -- no secret
    extended = set()
    with psycopg.connect(logins.dba, autocommit=True) as connection:
        start.wait(timeout=60)
        for _ in range(ENTRIES // EXTENDERS):
            sequence = chance.randint(1, ENTRIES)
            if connection.execute(_EXTEND, (sequence,)).rowcount:
                extended.add(sequence)
    return extended


def test_pruners_delete_entries_that_are_expired_after_their_lock(
    logins: Logins, dba: Dba, feed: Feed, figures: list[str]
) -> None:
    dba.execute(_EXPIRED, (feed.tenant_id, ENTRIES))
    start = Barrier(PRUNERS + EXTENDERS)
    with ThreadPoolExecutor(start.parties) as threads:
        pruning = [threads.submit(prune, logins, start) for _ in range(PRUNERS)]
        extending = [
            threads.submit(extend, logins, start, number) for number in range(EXTENDERS)
        ]
        extended = set[int]().union(*(done.result() for done in extending))
        pruned = sum(done.result() for done in pruning)
    # Entries that a pruner skipped, because a late extender had them locked.
    pruned += prune(logins, Barrier(1))
    left = {
        sequence
        for (sequence,) in dba.execute("select sequence from authority.revocations")
    }
    assert left == extended
    assert pruned == ENTRIES - len(extended)
    assert 0 < len(extended) < ENTRIES
    figures.append(
        f"revocation feed: {PRUNERS} pruners beside {EXTENDERS} extenders: "
        f"{pruned} of {ENTRIES} pruned, {len(extended)} extended, 0 of those pruned"
    )
