"""Writers, sealers, publishers of the feed, erasures and prunes at once."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import psycopg

from authority_queries import Actor, Maintenance, Store
from tests.factories import make_client, make_user
from tests.flows.races import race
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
WRITERS = 8
ROUNDS = 12
LATER = datetime(2100, 1, 1, tzinfo=UTC)


@contextmanager
def service(logins: Logins, tenant_id: UUID) -> Iterator[Store]:
    """Open a unit of work, on a connection that is closed at the end."""
    with (
        psycopg.connect(logins.app, autocommit=True) as connection,
        Store.unit(connection, tenant_id) as store,
    ):
        yield store


def unsealed(dba: Dba) -> int:
    (row,) = dba.execute(
        "select count(*) from authority.audit_events where number is null"
    ).fetchall()
    return int(row[0])


def rows_of(dba: Dba) -> int:
    (row,) = dba.execute("select count(*) from authority.audit_events").fetchall()
    return int(row[0])


def test_the_chain_of_eight_writers_has_no_gap(
    logins: Logins, maintenance: Maintenance, tenant_id: UUID, dba: Dba
) -> None:
    """Each writer changes rows of its own and rows of all, publishes, and rolls back.

    The owner deletes users with their cascades, and two operators seal.
    """
    with service(logins, tenant_id) as store:
        client = make_client(store, tenant_id)
        role = store.roles.create(tenant_id=tenant_id, name="tester")
        shared = [make_user(store, tenant_id, username=f"shared-{n}") for n in range(2)]

    def write(number: int) -> Callable[[Store], Counter[str]]:
        return lambda store: _write(store, number)

    def _write(store: Store, number: int) -> Counter[str]:
        done: Counter[str] = Counter()
        for turn in range(ROUNDS):
            user = make_user(store, tenant_id, username=f"user-{number}-{turn}")
            store.consents.grant(
                tenant_id=tenant_id,
                user_id=user.id,
                client_id=client.client_id,
                scopes=["openid"],
            )
            store.revocations.publish(
                tenant_id=tenant_id, category="key", target="k", reason="race"
            )
            # All writers change the same two rows.
            for each in shared:
                store.user_roles.assign(
                    tenant_id=tenant_id,
                    user_id=each.id,
                    role_id=role.id,
                    expires_at=LATER + timedelta(seconds=ROUNDS * number + turn),
                )
            store.users.delete(tenant_id=tenant_id, user_id=user.id)
            done["users.insert"] += 1
            done["consents.insert"] += 1
            done["user_roles.update"] += 2
            done["users.delete"] += 1
            done["consents.delete"] += 1
        return done

    before = rows_of(dba)
    sealed = 0
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(race, logins, tenant_id, [*map(write, range(WRITERS))])
        while not running.done():
            sealers = [pool.submit(maintenance.seal_audit, batch_size=7) for _ in "ab"]
            sealed += sum(sealer.result() for sealer in sealers)
        counted = sum(running.result(), Counter[str]())
    sealed += maintenance.seal_audit()
    assert unsealed(dba) == 0
    recorded = dba.execute(
        "select action, count(*) from authority.audit_events "
        "where actor_kind = 'login' group by action"
    ).fetchall()
    told = Counter(dict(recorded))
    told["user_roles.update"] += told.pop("user_roles.insert")
    told -= Counter({"clients.insert": 1, "roles.insert": 1, "users.insert": 2})
    assert told == counted
    assert sealed == before + counted.total()
    report = maintenance.verify_audit(tenant_id, batch_size=50)
    assert report.is_intact
    assert sum(chain.events for chain in report.chains) == sealed


def test_a_writer_waits_for_no_other_writer_nor_for_a_sealer(
    logins: Logins, maintenance: Maintenance, tenant_id: UUID, dba: Dba
) -> None:
    with service(logins, tenant_id) as store:
        make_user(store, tenant_id)
    assert maintenance.seal_audit() > 0
    with service(logins, tenant_id) as store:
        make_user(store, tenant_id)
    with (
        psycopg.connect(logins.app_for(tenant_id)) as slow,
        psycopg.connect(logins.maintenance) as sealer,
        psycopg.connect(logins.app, autocommit=True) as fast,
    ):
        make_user(Store(slow), tenant_id)
        assert Store(sealer).audit_events.seal() > 0
        fast.execute("set lock_timeout = '1s'")
        with Store.unit(fast, tenant_id, actor=Actor(client_id="fast")) as store:
            make_user(store, tenant_id)
        # A second run leaves the chain to the first one.
        assert maintenance.seal_audit() == 0
        sealer.commit()
        assert maintenance.seal_audit() == 1
        slow.commit()
        assert maintenance.seal_audit() == 1
    assert maintenance.verify_audit(tenant_id).is_intact
    assert unsealed(dba) == 0


def test_a_killed_sealer_leaves_the_chain_as_it_was(
    logins: Logins, maintenance: Maintenance, tenant_id: UUID, dba: Dba
) -> None:
    with service(logins, tenant_id) as store:
        for _ in range(5):
            make_user(store, tenant_id)
    assert maintenance.seal_audit(batch_size=2, stop=iter([False, True]).__next__) == 2
    sealer = psycopg.connect(logins.maintenance)
    Store(sealer).audit_events.seal()
    sealer.close()
    assert unsealed(dba) == 3
    assert maintenance.verify_audit(tenant_id).is_intact
    assert maintenance.seal_audit(time_limit=timedelta(minutes=1)) == 3
    (chain,) = maintenance.verify_audit(tenant_id).chains
    assert (chain.problem, chain.events) == (None, 5)


def test_an_erasure_and_a_sealer_share_the_events(
    logins: Logins, maintenance: Maintenance, tenant_id: UUID, dba: Dba
) -> None:
    with service(logins, tenant_id) as store:
        users = [make_user(store, tenant_id).id for _ in range(6)]
        for _ in range(5):
            for user in users:
                store.users.revoke_tokens(tenant_id=tenant_id, user_id=user)
    with ThreadPoolExecutor(4) as pool:
        erasures = [
            pool.submit(maintenance.erase_user, tenant_id, user, batch_size=3)
            for user in users
        ]
        while not all(erasure.done() for erasure in erasures):
            maintenance.seal_audit(batch_size=3)
        assert all(erasure.result().is_complete for erasure in erasures)
    maintenance.seal_audit()
    assert maintenance.verify_audit(tenant_id).is_intact
    (named,) = dba.execute(
        "select count(*) from authority.audit_events "
        "where user_id is not null or target_id is not null"
    ).fetchall()
    assert named == (0,)
