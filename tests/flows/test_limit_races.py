"""The limit of a list without pages, under real concurrency; every row is counted."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from uuid import UUID

import pytest

from authority_queries import Store
from authority_queries.errors import LimitReachedError
from tests.factories import make_tenant, make_user
from tests.flows.races import race
from tests.stores import Logins

pytestmark = pytest.mark.one_version
LIMIT = 100


@pytest.mark.parametrize(
    ("held", "racers", "each"),
    [(95, 16, 1), (0, 4, 50), (40, 8, 20)],
    ids=["one row", "half of the limit", "from below the half"],
)
def test_racers_leave_100_roles_whatever_the_interleaving(
    store: Store,
    logins: Logins,
    figures: list[str],
    *,
    held: int,
    racers: int,
    each: int,
) -> None:
    tenant_id = make_tenant(store).id
    user_id = make_user(store, tenant_id).id
    roles = [
        store.roles.create(tenant_id=tenant_id, name=f"role-{number}").id
        for number in range(held + racers * each)
    ]

    def assign(store: Store, role_ids: list[UUID]) -> None:
        for role_id in role_ids:
            store.user_roles.assign(
                tenant_id=tenant_id, user_id=user_id, role_id=role_id
            )

    inserted = Barrier(racers)

    def racer(number: int) -> Callable[[Store], str]:
        first = held + number * each

        def assign_all(store: Store) -> str:
            try:
                with store.connection.transaction():
                    assign(store, roles[first : first + each])
                # All racers commit at once, if none of them waits for another.
                with suppress(BrokenBarrierError):
                    inserted.wait(timeout=0.5)
            except LimitReachedError as error:
                return error.constraint
            return "won"

        return assign_all

    assign(store, roles[:held])
    outcomes = Counter(
        race(logins, tenant_id, [racer(n) for n in range(racers)], autocommit=False)
    )
    counted = len(store.user_roles.list_by_user(tenant_id=tenant_id, user_id=user_id))
    figures.append(f"{racers} racers for {each} roles after {held}: {counted} roles")
    assert counted == LIMIT
    wins = (LIMIT - held) // each
    assert outcomes == {"won": wins, "user_roles_user_id_limit": racers - wins}
