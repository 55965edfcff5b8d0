"""The throttle in front of sign-ins: three leaky buckets for each factor."""

from collections import Counter
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
    OpenTransactionError,
)
from authority_queries.records import ThrottleDecision
from authority_queries.testing import Clock
from tests.factories import HOUR, make_tenant
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
HERE = IPv4Address("192.0.2.1")
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def account(tenant_id: UUID, **fields: Any) -> Fields:
    """Return the arguments of a check: account, network and factor."""
    guess: Fields = {"username": "ann", "address": HERE, "factor": "password"}
    return {"tenant_id": tenant_id, **guess, **fields}


def reserve(store: Store, tenant_id: UUID, **fields: Any) -> ThrottleDecision:
    return store.login_attempts.reserve(**account(tenant_id, **fields))


def allowed(store: Store, tenant_id: UUID, times: int, **fields: Any) -> int:
    """Return how many of these checks are allowed."""
    return sum(reserve(store, tenant_id, **fields).allowed for _ in range(times))


def succeed(store: Store, tenant_id: UUID, **fields: Any) -> None:
    store.login_attempts.succeed(**account(tenant_id, **fields))


def network(number: int) -> IPv4Address:
    """Return an address in a network of its own."""
    return IPv4Address("10.0.0.1") + 256 * number


def rows(dba: Dba) -> list[tuple[object, ...]]:
    """Return every bucket, with the seconds until it is empty."""
    return dba.execute(
        "select username, address_prefix::text, factor, greatest(round(extract("
        "epoch from drains_at - authority.clock())), 0)::int "
        "from authority.login_throttles order by username, address_prefix, factor"
    ).fetchall()


@pytest.mark.parametrize("limit", [1, 2, 7, 10, 13])
def test_a_limit_admits_that_many_checks_at_once(store: Store, limit: int) -> None:
    tenant = make_tenant(store)
    decisions = [reserve(store, tenant.id, pair_limit=limit) for _ in range(limit + 2)]
    assert [one.allowed for one in decisions] == [True] * limit + [False] * 2
    assert [one.remaining for one in decisions] == [*reversed(range(limit)), 0, 0]
    assert {one.retry_after is None for one in decisions[:limit]} == {True}
    assert {one.refused_by for one in decisions[:limit]} == {None}
    assert [one.refused_by for one in decisions[limit:]] == ["pair"] * 2


def test_a_full_bucket_admits_one_more_check_per_part_of_the_window(
    store: Store, clock: Clock
) -> None:
    tenant = make_tenant(store)
    assert allowed(store, tenant.id, 12) == 10
    for _ in range(5):
        clock.advance(90 * SECOND)
        assert allowed(store, tenant.id, 3) == 1
    clock.advance(80 * SECOND)
    assert allowed(store, tenant.id, 3) == 0
    clock.advance(15 * MINUTE)
    assert allowed(store, tenant.id, 12) == 10


def test_the_wait_is_exact_and_up_to_a_fifth_longer(store: Store, clock: Clock) -> None:
    tenant = make_tenant(store)
    assert allowed(store, tenant.id, 10, time_window=1000 * SECOND) == 10
    waits = [reserve(store, tenant.id, time_window=1000 * SECOND) for _ in range(20)]
    seconds = [one.retry_after / SECOND for one in waits if one.retry_after]
    assert len(set(seconds)) == 20
    # Some of the hundred seconds have passed.
    assert 90 < min(seconds) < max(seconds) <= 120
    assert max(seconds) - min(seconds) > 1
    clock.advance(max(seconds) * SECOND)
    assert reserve(store, tenant.id, time_window=1000 * SECOND).allowed


def test_refused_checks_do_not_prolong_the_wait(store: Store, clock: Clock) -> None:
    tenant = make_tenant(store)
    assert allowed(store, tenant.id, 200) == 10
    clock.advance(90 * SECOND)
    assert allowed(store, tenant.id, 200) == 1


def test_an_account_is_throttled_over_all_networks(store: Store) -> None:
    tenant = make_tenant(store)
    limits: Fields = {"account_limit": 5}
    for number in range(5):
        assert reserve(store, tenant.id, address=network(number), **limits).allowed
    refused = reserve(store, tenant.id, address=network(5), **limits)
    assert (refused.allowed, refused.refused_by) == (False, "account")
    assert reserve(store, tenant.id, username="bob", **limits).allowed


def test_a_network_is_throttled_over_all_accounts(store: Store) -> None:
    tenant = make_tenant(store)
    limits: Fields = {"network_limit": 5}
    for number in range(5):
        assert reserve(store, tenant.id, username=f"user-{number}", **limits).allowed
    refused = reserve(store, tenant.id, username="bob", **limits)
    assert (refused.allowed, refused.refused_by) == (False, "network")
    assert reserve(store, tenant.id, address=network(0), **limits).allowed


def test_a_refused_check_is_counted_in_no_bucket(store: Store, dba: Dba) -> None:
    tenant = make_tenant(store)
    limits: Fields = {"pair_limit": 2, "account_limit": 9, "network_limit": 9}
    window: Fields = {"time_window": HOUR}
    assert allowed(store, tenant.id, 2, **limits, **window) == 2
    whole = "select to_jsonb(buckets) - 'refused_at' from authority.login_throttles"
    table = f"{whole} as buckets".encode()
    before = [row for (row,) in dba.execute(table)]
    assert allowed(store, tenant.id, 50, **limits, **window) == 0
    assert allowed(store, tenant.id, 50, username="bob", **limits, **window) == 2
    at_the_account = allowed(
        store, tenant.id, 9, address=network(1), **{**limits, "pair_limit": 9}, **window
    )
    assert at_the_account == 9 - 2
    now = [row for (row,) in dba.execute(table)]
    assert [row for row in before if row in now] == [
        row for row in before if row["username"] and row["address_prefix"]
    ]


def test_a_refused_first_check_leaves_no_row(store: Store, dba: Dba) -> None:
    tenant = make_tenant(store)
    assert allowed(store, tenant.id, 1, network_limit=1) == 1
    before = [bucket[:3] for bucket in rows(dba)]
    for number in range(20):
        assert not reserve(
            store, tenant.id, username=f"user-{number}", network_limit=1
        ).allowed
    assert [bucket[:3] for bucket in rows(dba)] == before


def test_a_success_empties_the_pair_and_takes_one_check_out_of_the_others(
    store: Store, dba: Dba
) -> None:
    tenant = make_tenant(store)
    window: Fields = {"time_window": 3600 * SECOND}
    limits: Fields = {"pair_limit": 4, "account_limit": 10, "network_limit": 100}
    for fields in ({}, {"address": network(1)}, {}, {"username": "bob"}, {}):
        assert reserve(store, tenant.id, **fields, **limits, **window).allowed
    succeed(store, tenant.id, username="ANN")
    levels = {row[:2]: row[3] for row in rows(dba)}
    near = pytest.approx
    assert levels == {
        ("ann", "10.0.1.0/24"): near(900, abs=30),
        ("ann", "192.0.2.0/24"): 0,
        ("ann", None): near((4 - 1) * 360, abs=30),
        ("bob", "192.0.2.0/24"): near(900, abs=30),
        ("bob", None): near(360, abs=30),
        (None, "10.0.1.0/24"): near(36, abs=30),
        (None, "192.0.2.0/24"): near((4 - 1) * 36, abs=30),
    }
    costs = "select account_cost, network_cost from authority.login_throttles "
    of_the_pair = "where username = 'ann' and address_prefix = '192.0.2.0/24'"
    assert dba.execute(f"{costs}{of_the_pair}".encode()).fetchall() == [(None, None)]
    # A second success takes nothing more out.
    succeed(store, tenant.id)
    assert {row[:2]: near(row[3], abs=30) for row in rows(dba)} == levels


def test_a_success_without_a_reservation_changes_nothing(
    store: Store, dba: Dba
) -> None:
    tenant = make_tenant(store)
    succeed(store, tenant.id)
    assert rows(dba) == []
    reserve(store, tenant.id, username="bob", time_window=HOUR)
    before = rows(dba)
    succeed(store, tenant.id)
    succeed(store, tenant.id, username="bob", address=network(1))
    assert rows(dba) == before


def test_successes_on_an_own_account_do_not_reset_other_buckets(store: Store) -> None:
    tenant = make_tenant(store)
    limits: Fields = {"network_limit": 10, "account_limit": 10}
    guesses = 0
    for number in range(50):
        guesses += reserve(
            store, tenant.id, username=f"user-{number}", **limits
        ).allowed
        if reserve(store, tenant.id, username="mallory", **limits).allowed:
            succeed(store, tenant.id, username="mallory")
    # The attacker's own sign-ins use one of the ten places.
    assert guesses == 10
    strangers = allowed(
        store, tenant.id, 50, address=network(1), **limits, pair_limit=9
    )
    assert strangers == 9


def test_an_office_with_successful_sign_ins_is_not_throttled(store: Store) -> None:
    tenant = make_tenant(store)
    for number in range(50):
        fields: Fields = {"username": f"user-{number}", "network_limit": 2}
        assert reserve(store, tenant.id, **fields).allowed
        succeed(store, tenant.id, username=f"user-{number}")


def test_guesses_of_others_do_not_throttle_the_owner_in_a_trusted_network(
    store: Store, clock: Clock
) -> None:
    tenant = make_tenant(store)
    limits: Fields = {"account_limit": 3}
    assert reserve(store, tenant.id, **limits).allowed
    succeed(store, tenant.id, trusted_for=DAY)
    for number in range(5):
        reserve(store, tenant.id, address=network(number), **limits)
    assert reserve(store, tenant.id, address=network(9), **limits).refused_by
    # The owner's checks count in the pair's bucket alone.
    assert allowed(store, tenant.id, 20, **limits) == 10
    clock.advance(DAY)
    for number in range(5):
        reserve(store, tenant.id, address=network(number), **limits)
    assert reserve(store, tenant.id, **limits).refused_by == "account"


def test_a_trusted_for_of_0_trusts_nothing(store: Store) -> None:
    tenant = make_tenant(store)
    assert allowed(store, tenant.id, 1, account_limit=1) == 1
    succeed(store, tenant.id, trusted_for=timedelta(0))
    assert reserve(store, tenant.id, account_limit=1, address=network(1)).allowed
    assert reserve(store, tenant.id, account_limit=1).refused_by == "account"


@pytest.mark.parametrize(
    ("first", "second", "counted_together"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "2001:db8::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.99", True),
        ("::ffff:192.0.2.1", "::ffff:203.0.113.9", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("64:ff9b::192.0.2.1", "192.0.2.99", True),
        ("64:ff9b::192.0.2.1", "64:ff9b::203.0.113.9", False),
        ("64:ff9b:1::192.0.2.1", "64:ff9b:1::203.0.113.9", True),
        ("fe80::1%eth0", "fe80::1%eth1", True),
    ],
)
def test_all_addresses_of_a_network_share_a_bucket(
    store: Store, first: str, second: str, *, counted_together: bool
) -> None:
    tenant = make_tenant(store)
    one, other = ({"address": ip_address(text)} for text in (first, second))
    assert reserve(store, tenant.id, **one, pair_limit=1).allowed
    decision = reserve(store, tenant.id, **other, pair_limit=1)
    assert decision.allowed is not counted_together
    succeed(store, tenant.id, **other)
    decision = reserve(store, tenant.id, **one, pair_limit=1)
    assert decision.allowed is counted_together


def test_factors_and_tenants_are_counted_separately(store: Store) -> None:
    tenant, other = make_tenant(store), make_tenant(store)
    limits: Fields = {"pair_limit": 1, "account_limit": 1, "network_limit": 1}
    assert reserve(store, tenant.id, **limits).allowed
    assert reserve(store, tenant.id, factor="totp", **limits).allowed
    assert reserve(store, other.id, **limits).allowed
    succeed(store, other.id)
    succeed(store, tenant.id, factor="totp")
    assert not reserve(store, tenant.id, username="Ann", **limits).allowed


def test_an_unknown_account_gets_the_same_answers_as_a_known_one(
    store: Store, dba: Dba
) -> None:
    tenant = make_tenant(store)
    store.users.create(tenant_id=tenant.id, username="ann")
    decisions = {
        name: [
            reserve(store, tenant.id, username=name, address=network(number))
            for _ in range(12)
        ]
        for number, name in enumerate(("ann", "nobody"))
    }
    seen = {
        name: [(one.allowed, one.remaining, one.refused_by) for one in each]
        for name, each in decisions.items()
    }
    assert seen["ann"] == seen["nobody"]
    kept = dba.execute(
        "select username, address_prefix is null, account_cost, network_cost, "
        "trusted_until, xmin::text = max(xmin::text) over (partition by username) "
        "from authority.login_throttles where username is not null "
        "order by username, address_prefix"
    ).fetchall()
    ann, nobody = ([row[1:] for row in kept if row[0] == name] for name in decisions)
    assert len(ann) == 2
    assert ann == nobody


def test_invalid_limits_are_refused(store: Store) -> None:
    tenant = make_tenant(store)
    for name in ("pair_limit", "account_limit", "network_limit"):
        limit: Fields = {name: 0}
        with pytest.raises(InvalidArgumentError, match=f"{name} must be 1 or more"):
            reserve(store, tenant.id, **limit)
    with pytest.raises(InvalidArgumentError, match="tenant_limit must be 1 or more"):
        reserve(store, tenant.id, tenant_limit=0)
    with pytest.raises(InvalidArgumentError, match="time_window must be longer"):
        reserve(store, tenant.id, time_window=timedelta(0))
    with pytest.raises(InvalidArgumentError, match="trusted_for must be 0 or longer"):
        succeed(store, tenant.id, trusted_for=-DAY)
    for factor in ("", "Password", "1st", "x" * 33):
        with pytest.raises(InvalidValueError, match="login_throttles_factor_check"):
            reserve(store, tenant.id, factor=factor)
    with pytest.raises(MissingReferenceError):
        reserve(store, uuid4())


def test_invalid_usernames_share_one_unknown_account(sync_store: Store) -> None:
    store, tenant = sync_store, make_tenant(sync_store)
    faces, ligatures = "\U0001f600" * 4000, "\ufb03" * 100
    names = ["", "x" * 257, faces, "a\0", "\ud800", ligatures, " ann"]
    for number, name in enumerate(names):
        fields: Fields = {"tenant_id": tenant.id, "username": name}
        guess = {**fields, "address": network(number), "factor": "password"}
        assert store.login_attempts.reserve(**guess, account_limit=7).allowed
        assert store.users.get_by_username(**fields) is None
        store.login_attempts.succeed(**guess)
        attempt = store.login_attempts.record(**fields, outcome="failed")
        assert attempt.username == "INVALID"
        listed = store.login_attempts.list_recent_by_username(**fields).items
        assert len(listed) == number + 1
        with pytest.raises(InvalidArgumentError, match="username must be 1 to 256"):
            store.users.create(**fields)
    # A user named INVALID has another key.
    store.users.create(tenant_id=tenant.id, username="INVALID")
    assert store.users.get_by_username(tenant_id=tenant.id, username="a\0") is None


def test_limits_and_windows_of_any_size_are_counted(store: Store) -> None:
    tenant = make_tenant(store)
    decision = reserve(store, tenant.id, pair_limit=2**40, time_window=timedelta(1))
    assert (decision.allowed, decision.remaining) == (True, 50 - 1)
    tiny: Fields = {"address": network(1), "time_window": timedelta(microseconds=1)}
    assert reserve(store, tenant.id, username="bob", **tiny).allowed
    huge: Fields = {"address": network(2), "time_window": 3000 * DAY}
    assert allowed(store, tenant.id, 12, username="eve", **huge) == 10


def test_a_reservation_in_a_transaction_is_refused(
    logins: Logins, store: Store
) -> None:
    tenant = make_tenant(store)
    with psycopg.connect(logins.app_for(tenant.id)) as connection:
        open_store = Store(connection)
        with pytest.raises(OpenTransactionError, match="reserve"):
            reserve(open_store, tenant.id)
        with pytest.raises(OpenTransactionError, match="succeed"):
            succeed(open_store, tenant.id)


def test_throttles_are_pruned_after_the_hour_in_which_they_end(
    store: Store, dba: Dba, clock: Clock
) -> None:
    tenant = make_tenant(store)
    eleven = datetime(2030, 1, 1, 11, tzinfo=UTC)
    clock.freeze(eleven - MINUTE / 2)
    for number, username in enumerate(("ann", "bob")):
        reserve(store, tenant.id, username=username, address=network(number))
    succeed(store, tenant.id, username="bob", address=network(1), trusted_for=DAY)
    clock.freeze(eleven)
    assert store.login_attempts.prune_throttles() == 0
    clock.advance(timedelta(microseconds=1))
    with dba.transaction():
        dba.execute("select from authority.login_throttles for update")
        assert store.login_attempts.prune_throttles() == 0
    # Both accounts' and networks' buckets; ann's pair is full for another minute.
    assert store.login_attempts.prune_throttles(batch_size=3) == 3
    assert store.login_attempts.prune_throttles(batch_size=3) == 1
    clock.advance(HOUR)
    reserve(store, tenant.id, username="mia", address=network(2))
    assert store.login_attempts.prune_throttles() == 1
    left = [row[:2] for row in rows(dba)]
    trusted = ("bob", "10.0.1.0/24")
    assert left == [
        trusted,
        ("mia", "10.0.2.0/24"),
        ("mia", None),
        (None, "10.0.2.0/24"),
    ]
    clock.advance(DAY)
    assert store.login_attempts.prune_throttles() == 4
    assert rows(dba) == []


def test_ipv6_addresses_have_their_own_networks(store: Store, dba: Dba) -> None:
    tenant = make_tenant(store)
    reserve(store, tenant.id, address=IPv6Address("2001:db8::7"))
    networks = {row[:2] for row in rows(dba)}
    assert networks == {
        ("ann", "2001:db8::/64"),
        ("ann", None),
        (None, "2001:db8::/48"),
    }


@pytest.mark.parametrize(
    ("first", "between"), [("2001:db8:1::1", 1 << 64), ("198.51.100.0", 1)]
)
def test_a_customers_network_is_one_bucket_for_all_accounts(
    store: Store, first: str, between: int
) -> None:
    tenant = make_tenant(store)
    limits: Fields = {"network_limit": 20, "factor": "totp"}
    guesses = [
        reserve(
            store,
            tenant.id,
            username=f"user-{number}",
            address=ip_address(first) + number * between,
            **limits,
        )
        for number in range(40)
    ]
    assert [one.allowed for one in guesses] == [True] * 20 + [False] * 20
    assert {one.refused_by for one in guesses[20:]} == {"network"}
    elsewhere = ip_address(first) + (1 << 80 if ":" in first else 256)
    assert reserve(store, tenant.id, address=elsewhere, **limits).allowed
    # A success takes one check back, and makes one network trusted.
    owner: Fields = {"address": elsewhere + between, "factor": "totp"}
    assert reserve(store, tenant.id, network_limit=1, **owner).refused_by == "network"
    succeed(store, tenant.id, address=elsewhere, factor="totp")
    assert reserve(store, tenant.id, network_limit=1, **owner).allowed


def test_more_accounts_do_not_allow_more_guesses_of_user_codes(
    sync_store: Store, dba: Dba
) -> None:
    tenant, other = make_tenant(sync_store), make_tenant(sync_store)
    guess: Fields = {"factor": "user_code"}
    outcomes = [
        reserve(
            sync_store,
            tenant.id,
            username=f"user-{number}",
            address=network(number),
            **guess,
        ).refused_by
        for number in range(30)
        for _ in range(5)
    ]
    assert Counter(outcomes) == {None: 100, "tenant": 50}
    assert reserve(sync_store, other.id, **guess).allowed
    assert reserve(sync_store, tenant.id).allowed  # another factor
    # The tenant's bucket drains and is pruned like the others.
    assert (None, None, "user_code") in {row[:3] for row in rows(dba)}


def logged(dba: Dba) -> list[tuple[object, ...]]:
    return dba.execute(
        "select username, reason, count(*) from authority.login_attempts "
        "where outcome = 'throttled' group by username, reason order by 1, 2"
    ).fetchall()


def test_a_flood_is_logged_once_a_minute_for_each_full_bucket(
    store: Store, dba: Dba, clock: Clock
) -> None:
    tenant = make_tenant(store)
    limits: Fields = {"pair_limit": 2, "network_limit": 4}
    assert allowed(store, tenant.id, 20, **limits) == 2
    everybody = [
        reserve(store, tenant.id, username=f"user-{number:02}", **limits).allowed
        for number in range(20)
    ]
    assert sum(everybody) == 2
    assert logged(dba) == [("ann", "pair", 1), ("user-02", "network", 1)]
    clock.advance(MINUTE)
    assert allowed(store, tenant.id, 20, **limits) == 0
    assert [count for *_, count in logged(dba)] == [2, 1]
    with pytest.raises(
        InvalidArgumentError, match="outcome must be failed or succeeded"
    ) as caught:
        store.login_attempts.record(
            tenant_id=tenant.id, username="ann", outcome="throttled"
        )
    assert caught.value.argument == "outcome"


def test_an_account_is_trusted_in_its_10_latest_networks(
    store: Store, dba: Dba, clock: Clock
) -> None:
    tenant = make_tenant(store)
    for number in range(13):
        clock.advance(MINUTE)
        fields: Fields = {"address": network(number)}
        assert reserve(store, tenant.id, **fields).allowed
        succeed(store, tenant.id, **fields)
    known = "select address_prefix::text from authority.login_throttles "
    trusted = "where trusted_until > authority.clock() order by trusted_until"
    found = [prefix for (prefix,) in dba.execute(f"{known}{trusted}".encode())]
    assert found == [f"10.0.{number}.0/24" for number in range(3, 13)]
    # The other throttles are empty and untrusted: they are deleted.
    clock.advance(2 * HOUR)
    store.login_attempts.prune_throttles()
    assert len(rows(dba)) == 10
