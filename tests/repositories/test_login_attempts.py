from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
)
from authority_queries.records import (
    LoginAttempt,
    ThrottleDecision,
)
from tests.factories import HOUR, make_tenant

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
HERE = IPv4Address("192.0.2.1")
MINUTE = timedelta(minutes=1)


def record(store: Store, tenant_id: UUID, **fields: Any) -> LoginAttempt:
    attempt: Fields = {"username": "ann", "outcome": "failed"}
    return store.login_attempts.record(tenant_id=tenant_id, **{**attempt, **fields})


def age(dba: Dba, attempt: LoginAttempt, by: timedelta) -> None:
    dba.execute(
        "update authority.login_attempts "
        "set created_at = created_at - %s::interval where id = %s",
        [by, attempt.id],
    )


def guess(tenant_id: UUID, **fields: Any) -> Fields:
    """Name a throttle: who guesses what from where."""
    account: Fields = {"username": "ann", "address": HERE, "factor": "password"}
    return {"tenant_id": tenant_id, **account, **fields}


def reserve(
    store: Store, tenant_id: UUID, *, attempt_limit: int = 1, **fields: Any
) -> ThrottleDecision:
    return store.login_attempts.reserve(
        **guess(tenant_id, **fields), attempt_limit=attempt_limit
    )


def end_windows(dba: Dba) -> None:
    dba.execute(
        "update authority.login_throttles "
        "set window_ends_at = now() - interval '1 second'"
    )


def partition_of(dba: Dba, id_: UUID) -> str:
    row = dba.execute(
        "select tableoid::regclass::text from authority.login_attempts where id = %s",
        [id_],
    ).fetchone()
    assert row is not None
    return str(row[0])


def month(dba: Dba, months_ahead: int) -> datetime:
    """Give a moment of the month, by the database's clock."""
    row = dba.execute(
        "select date_trunc('month', now() at time zone 'UTC') "
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
    assert store.login_attempts.list_recent_by_username(**key) == [attempt]


def test_a_username_is_normalised_when_logged_and_when_asked_for(store: Store) -> None:
    tenant = make_tenant(store)
    attempt = record(
        store, tenant.id, username="\N{FULLWIDTH LATIN CAPITAL LETTER A}NN@Example"
    )
    assert attempt.username == "ann@example"
    assert attempt.user_id is None
    for typed in ("ann@example", "Ann@EXAMPLE"):
        key: Fields = {"tenant_id": tenant.id, "username": typed}
        assert store.login_attempts.list_recent_by_username(**key) == [attempt]


def test_an_attempt_that_cannot_be_stored_is_refused(store: Store) -> None:
    tenant = make_tenant(store)
    with pytest.raises(InvalidValueError, match="login_attempts_outcome_check"):
        record(store, tenant.id, outcome="perhaps")
    with pytest.raises(InvalidValueError, match="cannot be stored"):
        record(store, tenant.id, username="a\0b")
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
    assert [attempt.id for attempt in list_(**key)] == ids[:3]
    assert [attempt.id for attempt in list_(**key, limit=2)] == ids[:2]
    assert [attempt.id for attempt in list_(**key, within=2 * HOUR)] == ids[:1]
    assert [a.id for a in list_(**key, within=timedelta(days=7))] == ids
    with pytest.raises(InvalidArgumentError, match="limit is 0"):
        list_(**key, limit=0)
    other: Fields = {**key, "tenant_id": make_tenant(store).id}
    assert list_(**other) == []


def test_a_check_may_be_made_until_the_limit(store: Store) -> None:
    tenant = make_tenant(store)
    decisions = [reserve(store, tenant.id, attempt_limit=2) for _ in range(4)]
    assert [one.allowed for one in decisions] == [True, True, False, False]
    assert [one.remaining for one in decisions] == [1, 0, 0, 0]
    assert [one.retry_after is None for one in decisions] == [True, True, False, False]
    for refused in decisions[2:]:
        assert refused.retry_after is not None
        assert 14 * MINUTE < refused.retry_after <= 15 * MINUTE


def test_the_window_ends_by_itself_and_does_not_move(store: Store, dba: Dba) -> None:
    tenant = make_tenant(store)
    assert reserve(store, tenant.id).allowed
    dba.execute(
        "update authority.login_throttles "
        "set window_ends_at = window_ends_at - interval '10 minutes'"
    )
    refused = reserve(store, tenant.id)
    assert refused.retry_after is not None
    assert 4 * MINUTE < refused.retry_after <= 5 * MINUTE
    end_windows(dba)
    again = reserve(store, tenant.id, attempt_limit=2)
    assert (again.allowed, again.remaining) == (True, 1)
    assert reserve(store, tenant.id, attempt_limit=2).allowed
    anew = reserve(store, tenant.id, attempt_limit=2)
    assert anew.retry_after is not None
    assert 14 * MINUTE < anew.retry_after <= 15 * MINUTE


def test_a_success_forgets_the_count(store: Store) -> None:
    tenant = make_tenant(store)
    reserve(store, tenant.id)
    assert not reserve(store, tenant.id).allowed
    store.login_attempts.succeed(**guess(tenant.id, username="ANN"))
    assert reserve(store, tenant.id).allowed
    store.login_attempts.succeed(**guess(tenant.id, username="nobody"))
    assert not reserve(store, tenant.id).allowed


def test_a_failure_is_noted_and_stays_counted(store: Store, dba: Dba) -> None:
    tenant = make_tenant(store)
    noted = "select attempts, last_failed_at is not null from authority.login_throttles"
    store.login_attempts.fail(**guess(tenant.id))
    assert dba.execute(noted).fetchall() == []
    reserve(store, tenant.id)
    assert dba.execute(noted).fetchall() == [(1, False)]
    store.login_attempts.fail(**guess(tenant.id, username="ANN"))
    assert dba.execute(noted).fetchall() == [(1, True)]
    assert not reserve(store, tenant.id).allowed


@pytest.mark.parametrize(
    ("first", "second", "counted_together"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "2001:db8::1", False),
    ],
)
def test_a_network_is_throttled_as_one(
    store: Store, first: str, second: str, *, counted_together: bool
) -> None:
    tenant = make_tenant(store)
    assert reserve(store, tenant.id, address=ip_address(first)).allowed
    decision = reserve(store, tenant.id, address=ip_address(second))
    assert decision.allowed is not counted_together
    store.login_attempts.succeed(**guess(tenant.id, address=ip_address(second)))
    decision = reserve(store, tenant.id, address=ip_address(first))
    assert decision.allowed is counted_together


def test_another_factor_account_or_tenant_counts_apart(store: Store) -> None:
    tenant, other = make_tenant(store), make_tenant(store)
    assert reserve(store, tenant.id).allowed
    assert reserve(store, tenant.id, factor="totp").allowed
    assert reserve(store, tenant.id, username="bob").allowed
    assert reserve(store, other.id).allowed
    store.login_attempts.succeed(**guess(other.id))
    store.login_attempts.fail(**guess(other.id))
    assert not reserve(store, tenant.id, username="Ann").allowed


def test_a_throttle_that_makes_no_sense_is_refused(store: Store) -> None:
    tenant = make_tenant(store)
    with pytest.raises(InvalidArgumentError, match="attempt_limit is 0; 1 or more"):
        reserve(store, tenant.id, attempt_limit=0)
    for factor in ("", "Password", "1st", "x" * 33):
        with pytest.raises(InvalidValueError, match="login_throttles_factor_check"):
            reserve(store, tenant.id, factor=factor)
    with pytest.raises(MissingReferenceError):
        reserve(store, uuid4())


def test_only_throttles_whose_window_has_ended_are_pruned(
    store: Store, dba: Dba
) -> None:
    tenant = make_tenant(store)
    for username in ("ann", "bob", "eve"):
        reserve(store, tenant.id, username=username)
    assert store.login_attempts.prune_throttles() == 0
    end_windows(dba)
    reserve(store, tenant.id, username="mia")
    with dba.transaction():
        dba.execute("select from authority.login_throttles for update")
        assert store.login_attempts.prune_throttles() == 0
    assert store.login_attempts.prune_throttles(batch_size=2) == 2
    assert store.login_attempts.prune_throttles(batch_size=2) == 1
    left = dba.execute("select username from authority.login_throttles").fetchall()
    assert left == [("mia",)]


def test_missing_partitions_are_made_once(store: Store) -> None:
    assert store.login_attempts.create_partitions() == 0
    assert store.login_attempts.create_partitions(months_ahead=5) == 2
    assert store.login_attempts.create_partitions(months_ahead=5) == 0


def test_an_attempt_lands_in_the_partition_of_its_month(store: Store, dba: Dba) -> None:
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


def test_an_ipv4_address_mapped_into_ipv6_shares_only_its_24_bits(store: Store) -> None:
    tenant_id = make_tenant(store).id

    def reserve(address: str) -> bool:
        return store.login_attempts.reserve(
            tenant_id=tenant_id,
            username="ann",
            address=IPv6Address(address),
            factor="password",
            attempt_limit=1,
        ).allowed

    assert reserve("::ffff:192.0.2.1")
    assert not reserve("::ffff:192.0.2.99")
    assert reserve("::ffff:203.0.113.9")


@pytest.mark.parametrize("username", ["", "x" * 257, "\U0001f600" * 4000])
def test_a_username_has_from_1_to_256_characters(store: Store, username: str) -> None:
    account: dict[str, Any] = {
        "tenant_id": make_tenant(store).id,
        "username": username,
        "address": IPv4Address("192.0.2.1"),
    }
    with pytest.raises(InvalidValueError, match="login_throttles_username_check"):
        store.login_attempts.reserve(**account, factor="password")
    with pytest.raises(InvalidValueError, match="login_attempts_username_check"):
        store.login_attempts.record(**account, outcome="failed")


def test_a_window_is_longer_than_nothing(store: Store) -> None:
    with pytest.raises(InvalidArgumentError, match="time_window is"):
        store.login_attempts.reserve(
            tenant_id=make_tenant(store).id,
            username="ann",
            address=IPv4Address("192.0.2.1"),
            factor="password",
            time_window=timedelta(0),
        )
