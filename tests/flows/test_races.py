"""Real services' logins in threads, all let go at once; the outcomes are counted."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Barrier
from typing import Any, TypeAlias, TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store, mint_token
from authority_queries.errors import DuplicateError, LimitReachedError
from authority_queries.records import (
    Client,
    License,
    User,
)
from authority_queries.secrets import TokenString
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_license,
    make_tenant,
    make_token,
    make_user,
)
from tests.stores import Logins, routed_store

Dba: TypeAlias = "psycopg.Connection[Any]"
Outcome = TypeVar("Outcome")


# A call is a transaction of its own, or the unit of work is one.
both_units = pytest.mark.parametrize(
    "autocommit", [True, False], ids=["autocommit", "transaction"]
)


@pytest.fixture
def store(logins: Logins) -> Iterator[Store]:
    """What arranges a race and looks at its end, on connections of its own."""
    with routed_store(logins) as store:
        yield store


def race(
    logins: Logins,
    tenant_id: UUID,
    runs: Sequence[Callable[[Store], Outcome]],
    *,
    autocommit: bool = True,
) -> list[Outcome]:
    """Make each run on a connection of its own, when all of them are connected."""
    start = Barrier(len(runs))

    def alone(run: Callable[[Store], Outcome]) -> Outcome:
        with psycopg.connect(logins.app, autocommit=True) as connection:
            start.wait(timeout=60)
            with Store.unit(connection, tenant_id, autocommit=autocommit) as store:
                return run(store)

    with ThreadPoolExecutor(len(runs)) as threads:
        return list(threads.map(alone, runs))


def redeem(client: Client, code: TokenString, request: UUID) -> Callable[[Store], str]:
    return lambda store: (
        store.tokens.redeem(
            tenant_id=client.tenant_id,
            token_hash=code.hash,
            type="authorization_code",
            client_id=client.client_id,
            redemption_id=request,
        ).outcome
    )


def rotate(client: Client, token: TokenString, request: UUID) -> Callable[[Store], str]:
    return lambda store: (
        store.tokens.rotate(
            tenant_id=client.tenant_id,
            token_hash=token.hash,
            client_id=client.client_id,
            redemption_id=request,
            refresh_token_hash=mint_token("refresh", client.tenant_id).hash,
            refresh_lifetime=HOUR,
            access_token_hash=mint_token("access", client.tenant_id).hash,
            access_lifetime=HOUR,
        ).outcome
    )


def live_branches(store: Store, client: Client) -> int:
    tokens = store.tokens.list_active_by_client(
        tenant_id=client.tenant_id, client_id=client.id
    )
    return sum(token.type == "refresh" for token in tokens)


@both_units
def test_of_8_redeemers_of_a_code_one_wins(
    store: Store, logins: Logins, *, autocommit: bool
) -> None:
    client = make_client(store, make_tenant(store).id)
    for _ in range(10):
        family = make_authorization(store, client)
        code, _ = make_token(
            store, client, "authorization_code", authorization_id=family.id
        )
        redeemers = [redeem(client, code, uuid4()) for _ in range(8)]
        outcomes = race(logins, client.tenant_id, redeemers, autocommit=autocommit)
        assert Counter(outcomes) == {"redeemed": 1, "reused": 7}
        ended = store.authorizations.get_by_id(
            tenant_id=client.tenant_id, authorization_id=family.id
        )
        assert ended is not None
        assert (ended.revocation_reason, ended.row_version) == ("token_reuse", 2)


@both_units
def test_of_8_rotators_of_a_family_one_wins_and_no_branch_lives(
    store: Store, logins: Logins, *, autocommit: bool
) -> None:
    client = make_client(store, make_tenant(store).id)
    for _ in range(10):
        token, _ = make_token(store, client, "refresh")
        rotators = [rotate(client, token, uuid4()) for _ in range(8)]
        outcomes = race(logins, client.tenant_id, rotators, autocommit=autocommit)
        assert Counter(outcomes) == {"rotated": 1, "reused": 7}
        assert live_branches(store, client) == 0


@both_units
def test_one_request_that_is_sent_8_times_at_once_leaves_one_live_branch(
    store: Store, logins: Logins, *, autocommit: bool
) -> None:
    for _ in range(5):
        client = make_client(store, make_tenant(store).id)
        token, _ = make_token(store, client, "refresh")
        rotators = [rotate(client, token, UUID(int=1))] * 8
        outcomes = race(logins, client.tenant_id, rotators, autocommit=autocommit)
        assert Counter(outcomes) == {"rotated": 1, "already_redeemed": 7}
        assert live_branches(store, client) == 1


def meter(license_: License, key: str) -> Callable[[Store], str]:
    def run(store: Store) -> str:
        try:
            receipt = store.licenses.record_usage(
                tenant_id=license_.tenant_id,
                license_id=license_.id,
                metric="calls",
                quantity=1,
                idempotency_key=key,
            )
        except LimitReachedError:
            return "limit reached"
        return "recorded" if receipt.recorded else "known"

    return run


def used(dba: Dba) -> list[tuple[int, int]]:
    """Give the ledger's sum beside the total that is kept of it."""
    return dba.execute(
        "select (select sum(quantity)::bigint from authority.license_usage), used "
        "from authority.license_usage_totals"
    ).fetchall()


def test_of_16_meterers_at_the_last_unit_one_is_recorded(
    store: Store, dba: Dba, logins: Logins
) -> None:
    _, license_ = make_license(store, make_tenant(store).id, limits={"calls": 10})
    for n in range(9):
        assert meter(license_, f"before-{n}")(store) == "recorded"
    meterers = [meter(license_, f"key-{n}") for n in range(16)]
    outcomes = race(logins, license_.tenant_id, meterers)
    assert Counter(outcomes) == {"recorded": 1, "limit reached": 15}
    assert used(dba) == [(10, 10)]


def test_of_16_reports_under_one_key_one_is_recorded(
    store: Store, dba: Dba, logins: Logins
) -> None:
    _, license_ = make_license(store, make_tenant(store).id, limits={"calls": 10})
    outcomes = race(logins, license_.tenant_id, [meter(license_, "key")] * 16)
    assert Counter(outcomes) == {"recorded": 1, "known": 15}
    assert used(dba) == [(1, 1)]


def hold(license_: License, holder: str) -> Callable[[Store], int | None]:
    def run(store: Store) -> int | None:
        try:
            seat = store.licenses.check_out_seat(
                tenant_id=license_.tenant_id, license_id=license_.id, holder=holder
            )
        except LimitReachedError:
            return None
        return seat.seat_number

    return run


def test_of_16_holders_4_have_the_4_seats(store: Store, logins: Logins) -> None:
    for _ in range(5):
        tenant = make_tenant(store)
        key, license_ = make_license(store, tenant.id, seats=4)
        holders = [hold(license_, f"holder-{n}") for n in range(16)]
        outcomes = race(logins, tenant.id, holders)
        held = [seat for seat in outcomes if seat is not None]
        assert sorted(held) == [1, 2, 3, 4]
        found = store.licenses.validate(tenant_id=tenant.id, key_hash=key.hash)
        assert found is not None
        assert found.seats_taken == 4
        assert hold(license_, "late")(store) is None


def test_8_publishers_number_their_entries_without_gaps(
    store: Store, logins: Logins
) -> None:
    tenant = make_tenant(store)

    def publish(store: Store) -> list[int]:
        return [
            store.revocations.publish(
                tenant_id=tenant.id, category="token", target="jti", reason="stolen"
            ).sequence
            for _ in range(5)
        ]

    published = race(logins, tenant.id, [publish] * 8)
    assert all(mine == sorted(mine) for mine in published)
    assert sorted(chain.from_iterable(published)) == [*range(1, 41)]
    feed = store.revocations.list_since(tenant_id=tenant.id)
    assert [entry.sequence for entry in feed] == [*range(1, 41)]


def test_a_holder_that_asks_8_times_at_once_holds_one_seat(
    store: Store, dba: Dba, logins: Logins
) -> None:
    tenant = make_tenant(store)

    def check_out(license_: License) -> Callable[[Store], str]:
        def run(store: Store) -> str:
            try:
                store.licenses.check_out_seat(
                    tenant_id=tenant.id, license_id=license_.id, holder="ann"
                )
            except DuplicateError:
                return "has one"
            return "taken"

        return run

    for _ in range(10):
        _, license_ = make_license(store, tenant.id, seats=8)
        outcomes = Counter(race(logins, tenant.id, [check_out(license_)] * 8))
        assert outcomes["taken"] >= 1
        assert outcomes.total() == 8
        held = dba.execute(
            "select count(*) from authority.license_seats where license_id = %s "
            "and holder is not null",
            [license_.id],
        ).fetchone()
        assert held == (1,)


def sign_in(store: Store) -> tuple[Client, User, TokenString]:
    client = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    token, _ = make_token(store, client, "refresh", user_id=user.id)
    return client, user, token


def test_a_rotation_beside_an_uncommitted_sign_out_everywhere_gains_nothing(
    store: Store, logins: Logins
) -> None:
    client, user, token = sign_in(store)
    with psycopg.connect(logins.app_for(user.tenant_id)) as connection:
        Store(connection).users.revoke_tokens(tenant_id=user.tenant_id, user_id=user.id)
        assert rotate(client, token, uuid4())(store) == "rotated"
        assert live_branches(store, client) == 1
    assert live_branches(store, client) == 0


def test_an_epoch_never_moves_back(store: Store, dba: Dba, logins: Logins) -> None:
    client, user, _ = sign_in(store)
    key = {"tenant_id": user.tenant_id, "user_id": user.id}
    conninfo = logins.app_for(user.tenant_id)
    with ThreadPoolExecutor(1) as threads, psycopg.connect(conninfo) as first:
        first.execute("select from authority.users for no key update")

        def later() -> None:
            with psycopg.connect(conninfo, autocommit=True) as second:
                Store(second).users.revoke_tokens(**key)

        waiting = threads.submit(later)
        while not dba.execute("select from pg_locks where not granted").fetchall():
            pass
        token, _ = make_token(store, client, "refresh", user_id=user.id)
        Store(first).users.revoke_tokens(**key)
        first.commit()
        waiting.result(timeout=60)
    assert rotate(client, token, uuid4())(store) == "invalid"
