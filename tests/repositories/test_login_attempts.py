from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from threading import Timer
from time import monotonic
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
    MissingReferenceError,
)
from authority_queries.records import LoginAttempt
from authority_queries.testing import Clock
from tests.factories import HOUR, make_tenant
from tests.refusals import refusal_of
from tests.repositories.paging import pages_of
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
HERE = IPv4Address("192.0.2.1")
DAY = timedelta(days=1)


def record(store: Store, tenant_id: UUID, **fields: Any) -> LoginAttempt:
    attempt: Fields = {"username": "ann", "outcome": "failed"}
    return store.login_attempts.record(tenant_id=tenant_id, **{**attempt, **fields})


def age(dba: Dba, attempt: LoginAttempt, by: timedelta) -> None:
    dba.execute(
        "update authority.login_attempts "
        "set created_at = created_at - %s::interval where id = %s",
        [by, attempt.id],
    )


def partition_of(dba: Dba, id_: UUID) -> str:
    row = dba.execute(
        "select tableoid::regclass::text from authority.login_attempts where id = %s",
        [id_],
    ).fetchone()
    assert row is not None
    return str(row[0])


def month(dba: Dba, months_ahead: int) -> datetime:
    """Return a time in that month, by the database's clock."""
    row = dba.execute(
        "select date_trunc('month', authority.clock() at time zone 'UTC') "
        "+ make_interval(months => %s, days => 1)",
        [months_ahead],
    ).fetchone()
    assert row is not None
    assert isinstance(row[0], datetime)
    return row[0].replace(tzinfo=UTC)


def record_in_month(dba: Dba, tenant_id: UUID, months_ahead: int) -> UUID:
    id_ = uuid4()
    dba.execute(
        "insert into authority.login_attempts "
        "(tenant_id, id, username, outcome, created_at) "
        "values (%s, %s, 'ann', 'failed', %s)",
        [tenant_id, id_, month(dba, months_ahead)],
    )
    return id_


def month_partition(dba: Dba, months_ahead: int) -> str:
    return f"authority.login_attempts_{month(dba, months_ahead):y%Ym%m}"


@pytest.mark.parametrize("address", [HERE, IPv6Address("2001:db8::7"), None])
def test_an_attempt_is_logged_as_given(
    store: Store, address: IPv4Address | IPv6Address | None
) -> None:
    tenant = make_tenant(store)
    fields: Fields = {
        "user_id": uuid4(),
        "client_id": "shop",
        "address": address,
        "outcome": "failed",
        "reason": "wrong_password",
        "correlation_id": "r-1",
    }
    attempt = record(store, tenant.id, **fields)
    assert {name: getattr(attempt, name) for name in fields} == fields
    assert attempt.tenant_id == tenant.id
    key: Fields = {"tenant_id": tenant.id, "username": "ann"}
    assert store.login_attempts.list_recent_by_username(**key).items == [attempt]


def test_all_spellings_of_an_address_are_one_host(sync_store: Store, dba: Dba) -> None:
    tenant, store = make_tenant(sync_store), sync_store
    recent = partial(store.login_attempts.list_recent_by_address, tenant_id=tenant.id)
    for texts in (
        ["192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
        ["0.0.0.1", "::ffff:0.0.0.1", "64:ff9b::1"],
        ["255.255.255.255", "::ffff:255.255.255.255", "64:ff9b::ffff:ffff"],
        ["fe80::1", "fe80::1%eth0"],
        ["::1"],
        ["::192.0.2.1"],
        ["::1:c000:201"],
        ["64:ff9b::1:0:0"],
    ):
        addresses = [ip_address(text) for text in texts]
        for address in addresses:
            assert record(store, tenant.id, address=address).address == addresses[0]
        for address in addresses:
            assert len(recent(address=address).items) == len(addresses)
    for text in ("::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "192.0.2.0/24"):
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            dba.execute(
                "insert into authority.login_attempts (tenant_id, username, outcome, "
                "address) values (%s, 'ann', 'failed', %s)",
                [tenant.id, text],
            )
        assert caught.value.diag.constraint_name == "login_attempts_address_check"
    for text in ("192.0.2.1/24", "192.0.2.1/32", "::ffff:192.0.2.1/128", "::/0"):
        with pytest.raises(InvalidArgumentError, match=r"^address must be") as refused:
            recent(address=ip_interface(text))
        assert refused.value.argument == "address"


def test_a_username_is_normalised_in_the_log_and_in_searches(store: Store) -> None:
    tenant = make_tenant(store)
    attempt = record(
        store, tenant.id, username="\N{FULLWIDTH LATIN CAPITAL LETTER A}NN@Example"
    )
    assert attempt.username == "ann@example"
    assert attempt.user_id is None
    for typed in ("ann@example", "Ann@EXAMPLE"):
        key: Fields = {"tenant_id": tenant.id, "username": typed}
        assert store.login_attempts.list_recent_by_username(**key).items == [attempt]


def test_an_attempt_that_cannot_be_stored_is_refused(store: Store) -> None:
    tenant = make_tenant(store)
    with refusal_of("outcome"):
        record(store, tenant.id, outcome="perhaps")
    with refusal_of("reason"):
        record(store, tenant.id, reason="a\0b")
    with pytest.raises(MissingReferenceError):
        record(store, uuid4())


@pytest.mark.parametrize("by", ["username", "address"])
def test_attempts_are_listed_newest_first(store: Store, dba: Dba, by: str) -> None:
    tenant = make_tenant(store)
    record(store, tenant.id, username="bob", address=ip_address("192.0.2.2"))
    attempts = [record(store, tenant.id, address=HERE) for _ in range(4)]
    for hours, attempt in enumerate(attempts):
        age(dba, attempt, (10 * hours + 1) * HOUR)
    ids = [attempt.id for attempt in attempts]
    key: Fields = {"tenant_id": tenant.id}
    key |= {"username": "ann"} if by == "username" else {"address": HERE}
    list_ = getattr(store.login_attempts, f"list_recent_by_{by}")
    assert [attempt.id for attempt in list_(**key).items] == ids[:3]
    pages = pages_of(list_, **key, page_size=2)
    assert [[attempt.id for attempt in page] for page in pages] == [ids[:2], ids[2:3]]
    assert [attempt.id for attempt in list_(**key, within=2 * HOUR).items] == ids[:1]
    assert [a.id for a in list_(**key, within=timedelta(days=7)).items] == ids
    with pytest.raises(InvalidArgumentError, match="page_size must be 1 to 1000"):
        list_(**key, page_size=0)
    other: Fields = {**key, "tenant_id": make_tenant(store).id}
    assert list_(**other).items == []


def test_missing_partitions_are_created_once(store: Store) -> None:
    assert store.login_attempts.create_partitions() == 0
    assert store.login_attempts.create_partitions(months_ahead=5) == 2
    assert store.login_attempts.create_partitions(months_ahead=5) == 0
    with pytest.raises(InvalidArgumentError, match="months_ahead must be 0 to 120"):
        store.login_attempts.create_partitions(months_ahead=121)


def test_an_attempt_is_stored_in_the_partition_of_its_month(
    store: Store, dba: Dba
) -> None:
    tenant = make_tenant(store)
    assert partition_of(dba, record(store, tenant.id).id) == month_partition(dba, 0)
    later = record_in_month(dba, tenant.id, months_ahead=2)
    assert partition_of(dba, later) == month_partition(dba, 2)


def test_a_month_that_is_in_the_default_partition_stays_there(
    store: Store, dba: Dba
) -> None:
    tenant = make_tenant(store)
    early = record_in_month(dba, tenant.id, months_ahead=4)
    assert partition_of(dba, early) == "authority.login_attempts_default"
    assert store.login_attempts.create_partitions(months_ahead=5) == 1
    assert partition_of(dba, early) == "authority.login_attempts_default"
    late = record_in_month(dba, tenant.id, months_ahead=5)
    assert partition_of(dba, late) == month_partition(dba, 5)


def partitions(dba: Dba) -> set[str]:
    found = dba.execute(
        "select inhrelid::regclass::text from pg_inherits "
        "where inhparent = 'authority.login_attempts'::regclass"
    )
    return {name for (name,) in found}


def test_a_partition_is_dropped_when_its_last_moment_is_older_than_the_retention(
    store: Store, dba: Dba, clock: Clock
) -> None:
    tenant = make_tenant(store)
    record(store, tenant.id)
    first, second = (month_partition(dba, months_ahead) for months_ahead in (0, 1))
    ids = [record_in_month(dba, tenant.id, months_ahead) for months_ahead in (0, 1)]
    end = month(dba, 1) - DAY  # the first moment of the next month
    retention = timedelta(days=100)
    now = dba.execute("select authority.clock()").fetchone()
    assert now is not None
    clock.advance(end + retention - now[0] - HOUR)
    assert store.login_attempts.drop_partitions(retention=retention) == 0
    clock.advance(HOUR)
    assert store.login_attempts.drop_partitions(retention=retention) == 1
    assert store.login_attempts.drop_partitions(retention=retention) == 0
    assert first not in partitions(dba)
    assert second in partitions(dba)
    left = dba.execute("select id from authority.login_attempts").fetchall()
    assert (ids[1],) in left
    assert (ids[0],) not in left


def test_future_partitions_and_the_default_one_are_never_dropped(
    store: Store, dba: Dba, clock: Clock
) -> None:
    before = partitions(dba)
    assert store.login_attempts.drop_partitions(retention=timedelta(0)) == 0
    assert store.login_attempts.drop_partitions() == 0
    assert partitions(dba) == before
    clock.advance(timedelta(days=4000))
    assert store.login_attempts.drop_partitions() == len(before) - 1
    assert partitions(dba) == {"authority.login_attempts_default"}
    assert store.login_attempts.create_partitions() == 4


def test_a_late_attempt_of_a_dropped_month_is_in_the_default_partition(
    store: Store, dba: Dba, clock: Clock
) -> None:
    tenant = make_tenant(store)
    clock.advance(timedelta(days=4000))
    store.login_attempts.drop_partitions()
    clock.advance(-timedelta(days=4000))
    late = record(store, tenant.id)
    assert partition_of(dba, late.id) == "authority.login_attempts_default"


def test_a_drop_gives_up_when_the_log_is_in_use(
    store: Store, dba: Dba, clock: Clock, conninfo: str
) -> None:
    clock.advance(timedelta(days=4000))
    before = partitions(dba)
    with psycopg.connect(conninfo) as reader:
        reader.execute("select from authority.login_attempts")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            store.login_attempts.drop_partitions()
    assert partitions(dba) == before


def test_sign_ins_hardly_wait_while_a_drop_waits_for_a_reader(
    sync_store: Store, dba: Dba, clock: Clock, conninfo: str, logins: Logins
) -> None:
    tenant = make_tenant(sync_store)
    clock.advance(timedelta(days=4000))
    before = len(partitions(dba))
    drop = "select authority.drop_login_attempt_partitions('400 days')"
    with (
        psycopg.connect(logins.maintenance, autocommit=True) as operator,
        psycopg.connect(conninfo) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        reader.execute("select from authority.login_attempts")
        # A drop that stayed in the queue would hold them up until the reader ends.
        end_of_reader = Timer(10, reader.rollback)
        end_of_reader.start()
        dropped = pool.submit(lambda: operator.execute(drop.encode()).fetchone())
        longest, end = 0.0, monotonic() + 0.5
        while (begun := monotonic()) < end:
            record(sync_store, tenant.id)
            longest = max(longest, monotonic() - begun)
        end_of_reader.cancel()
        reader.rollback()
        assert dropped.result() == (before - 1,)
    assert longest < 5  # one wait for a lock is 50 ms


def test_old_attempts_in_the_default_partition_are_deleted_in_batches(
    store: Store, dba: Dba
) -> None:
    tenants = [make_tenant(store).id for _ in range(3)]
    old = [record_in_month(dba, tenant, -2) for tenant in tenants * 2]
    kept = {record_in_month(dba, tenants[0], months) for months in (0, 5)}
    retention = 40 * DAY
    prune = store.login_attempts.prune_default
    assert prune() == 0
    assert prune(retention=retention, batch_size=0) == 0
    assert partition_of(dba, old[0]) == "authority.login_attempts_default"
    assert prune(retention=retention, batch_size=4) == 4
    assert prune(retention=retention, batch_size=4) == 2
    assert prune(retention=retention, batch_size=4) == 0
    left = dba.execute("select id from authority.login_attempts").fetchall()
    assert {id_ for (id_,) in left} == kept


def test_pruning_restores_the_tenant_of_the_connection(
    store: Store, logins: Logins
) -> None:
    make_tenant(store)
    with psycopg.connect(logins.maintenance) as connection:
        connection.execute("select set_config('authority.tenant_id', 'before', true)")
        connection.execute("select authority.prune_default_login_attempts('1 day', 9)")
        told = connection.execute("select current_setting('authority.tenant_id')")
        assert told.fetchall() == [("before",)]


def test_a_retention_must_not_be_negative(store: Store, logins: Logins) -> None:
    for call in (
        store.login_attempts.drop_partitions,
        store.login_attempts.prune_default,
    ):
        with pytest.raises(InvalidArgumentError, match="retention must be 0 or longer"):
            call(retention=-DAY)
    with psycopg.connect(logins.maintenance, autocommit=True) as connection:
        for call_ in (
            "select authority.drop_login_attempt_partitions('-1 day')",
            "select authority.drop_login_attempt_partitions(null)",
            "select authority.prune_default_login_attempts('-1 day', 1)",
            "select authority.prune_default_login_attempts(null, 1)",
        ):
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                connection.execute(call_)
