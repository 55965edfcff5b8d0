"""Guessers, owners and pruners on connections of their own; every check is counted."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import IPv4Address
from itertools import product
from threading import Event
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
from psycopg import sql

from authority_queries import Store
from authority_queries.records import ThrottleDecision
from authority_queries.testing import Clock
from tests.factories import HOUR, make_tenant
from tests.flows.races import race
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
# The window is so long that no bucket drains while a test runs.
WINDOW = timedelta(days=1000)
# A throttle is pruned after the hour in which it ends. Here each moment ends an hour.
_PRUNABLE_AT_ONCE = b"""
alter table authority.login_throttles drop column ending_hour cascade;
alter table authority.login_throttles add column ending_hour timestamptz
generated always as (
    (greatest(drains_at, trusted_until) at time zone 'UTC' - interval '1 hour')
    at time zone 'UTC'
) stored;
grant select (ending_hour) on authority.login_throttles to authority_maintenance;
"""


def network(number: int) -> IPv4Address:
    """Return an address in a network of its own."""
    return IPv4Address("10.0.0.1") + 256 * number


def account(tenant_id: UUID, user: int, place: int) -> Fields:
    """Return the name, network and password of an account."""
    return {
        "tenant_id": tenant_id,
        "username": f"user-{user}",
        "address": network(place),
        "factor": "password",
    }


def guesser(
    tenant_id: UUID, user: int, place: int, **limits: Any
) -> Callable[[Store], ThrottleDecision]:
    return lambda store: store.login_attempts.reserve(
        **account(tenant_id, user, place), **limits
    )


def test_10_of_40_guessers_of_an_account_in_a_network_are_admitted(
    store: Store, logins: Logins, figures: list[str]
) -> None:
    tenant = make_tenant(store)
    outcomes = race(logins, tenant.id, [guesser(tenant.id, 1, 1)] * 40)
    checks = sum(one.allowed for one in outcomes)
    figures.append(f"40 guessers, limit 10: {checks} checks")
    assert checks == 10
    assert {one.remaining for one in outcomes if one.allowed} == {*range(10)}
    refused = Counter(one.refused_by for one in outcomes if not one.allowed)
    assert refused == {"pair": 30}


def test_10_of_40_guessers_of_an_account_in_40_networks_are_admitted(
    store: Store, logins: Logins
) -> None:
    tenant = make_tenant(store)
    guessers = [
        guesser(tenant.id, 1, place, pair_limit=3, account_limit=10)
        for place in range(40)
    ]
    outcomes = race(logins, tenant.id, guessers)
    assert Counter(one.refused_by for one in outcomes) == {None: 10, "account": 30}


def test_10_of_30_guessers_of_30_accounts_in_a_network_are_admitted(
    store: Store, logins: Logins
) -> None:
    tenant = make_tenant(store)
    guessers = [
        guesser(tenant.id, user, 1, pair_limit=3, network_limit=10)
        for user in range(30)
    ]
    outcomes = race(logins, tenant.id, guessers)
    assert Counter(one.refused_by for one in outcomes) == {None: 10, "network": 20}


def test_10_of_30_guessers_of_30_accounts_in_30_networks_are_admitted(
    store: Store, dba: Dba, logins: Logins
) -> None:
    tenant = make_tenant(store)
    guessers = [guesser(tenant.id, user, user, tenant_limit=10) for user in range(30)]
    outcomes = race(logins, tenant.id, guessers)
    assert Counter(one.refused_by for one in outcomes) == {None: 10, "tenant": 20}
    logged = "select reason, count(*) from authority.login_attempts group by reason"
    assert dba.execute(logged.encode()).fetchall() == [("tenant", 1)]


def test_refused_racers_are_charged_to_no_bucket(
    store: Store, dba: Dba, logins: Logins
) -> None:
    tenant = make_tenant(store)
    limits: Fields = {"pair_limit": 4, "account_limit": 10, "network_limit": 30}
    guessers = [
        guesser(tenant.id, user, place, time_window=WINDOW, **limits)
        for user, place in product(range(4), range(4))
    ]
    outcomes = race(logins, tenant.id, guessers * 3)
    assert sum(one.allowed for one in outcomes) == 4 * 10
    assert charges(dba, limits, bucket="account") == {f"user-{n}": 10 for n in range(4)}
    networks = charges(dba, limits, bucket="network")
    assert sum(networks.values()) == 4 * 10


_CHARGES = sql.SQL("""
    select
        {of}::text,
        round(extract(epoch from drains_at - authority.clock()) * %s / %s)::int
    from authority.login_throttles
    where {all} is null and drains_at > authority.clock()
""")


def charges(dba: Dba, limits: Fields, *, bucket: str) -> dict[str, int]:
    """Count the checks in each bucket of a kind."""
    of, all_ = "username", "address_prefix"
    if bucket == "network":
        of, all_ = all_, of
    query = _CHARGES.format(of=sql.Identifier(of), all=sql.Identifier(all_))
    values = [limits[f"{bucket}_limit"], WINDOW.total_seconds()]
    return dict(dba.execute(query, values).fetchall())


def test_a_flood_by_strangers_never_keeps_the_owner_out(
    store: Store, logins: Logins, clock: Clock
) -> None:
    tenant = make_tenant(store)
    home = account(tenant.id, 1, 0)

    def sign_in(store: Store) -> Counter[str]:
        decision = store.login_attempts.reserve(**home)
        if decision.allowed:
            store.login_attempts.succeed(**home)
        return Counter({f"owner {decision.allowed}": 1})

    def blast(place: int) -> Callable[[Store], Counter[str]]:
        guess = guesser(tenant.id, 1, place)
        return lambda store: Counter(
            f"stranger {guess(store).allowed}" for _ in range(12)
        )

    assert sign_in(store) == {"owner True": 1}
    seen: Counter[str] = Counter()
    for _ in range(24):
        strangers = [blast(place) for place in range(1, 9)]
        for each in race(logins, tenant.id, [*strangers, sign_in]):
            seen.update(each)
        # Strangers have filled the account's bucket, which refuses unknown networks.
        assert guesser(tenant.id, 1, 99)(store).refused_by == "account"
        seen.update(sign_in(store))
        clock.advance(HOUR)
    assert seen["owner True"] == 48
    assert seen["owner False"] == 0
    # Each account's limit of 50 an hour is used up, and not exceeded.
    assert seen["stranger True"] == 24 * 50


def attack(
    tenant_id: UUID, user: int, place: int, limits: Fields
) -> Callable[[Store], Counter[str]]:
    """Reserve and sometimes succeed, alone on the pair, beside others elsewhere."""
    key = account(tenant_id, user, place)

    def run(store: Store) -> Counter[str]:
        seen: Counter[str] = Counter()
        for number in range(60):
            decision = store.login_attempts.reserve(**key, time_window=WINDOW, **limits)
            seen[decision.refused_by or "allowed"] += 1
            if decision.allowed and (number + user + place) % 5 < 3:
                store.login_attempts.succeed(**key, trusted_for=timedelta(0))
                seen["succeeded"] += 1
        return seen

    return run


def test_racing_guesses_successes_and_pruning_are_counted_right(
    store: Store, dba: Dba, logins: Logins
) -> None:
    tenant = make_tenant(store)
    limits: Fields = {"pair_limit": 9, "account_limit": 25, "network_limit": 30}
    pairs = [*product(range(4), range(4))]
    over = Event()
    dba.execute(_PRUNABLE_AT_ONCE)

    def prune() -> int:
        pruned = 0
        with psycopg.connect(logins.maintenance, autocommit=True) as connection:
            while not over.is_set():
                pruned += Store(connection).login_attempts.prune_throttles()
        return pruned

    with ThreadPoolExecutor(2) as threads:
        pruners = [threads.submit(prune) for _ in range(2)]
        try:
            runs = [attack(tenant.id, *pair, limits) for pair in pairs]
            seen = dict(zip(pairs, race(logins, tenant.id, runs), strict=True))
        finally:
            over.set()
        assert sum(pruner.result() for pruner in pruners) > 0
    left = {pair: each["allowed"] - each["succeeded"] for pair, each in seen.items()}
    users = {
        f"user-{n}": sum(left[pair] for pair in pairs if pair[0] == n) for n in range(4)
    }
    places = {
        f"10.0.{n}.0/24": sum(left[pair] for pair in pairs if pair[1] == n)
        for n in range(4)
    }
    assert charges(dba, limits, bucket="account") == users
    assert charges(dba, limits, bucket="network") == places
    assert max(users.values()) <= 25
    total = sum(seen.values(), Counter[str]())
    assert total["succeeded"] > 0
    assert total["account"] + total["network"] + total["pair"] > 0
    # A deadlock would have ended a run; the server has seen none either.
    deadlocks = dba.execute(
        "select deadlocks from pg_stat_database where datname = current_database()"
    )
    assert deadlocks.fetchall() == [(0,)]
