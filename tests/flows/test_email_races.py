"""Races of users who verify one address; the outcomes are counted."""

from collections import Counter
from collections.abc import Callable
from uuid import UUID

from authority_queries import Store
from authority_queries.errors import DuplicateError
from tests.factories import make_tenant, make_user
from tests.flows.races import race
from tests.stores import Logins

RACERS = 8


def test_one_of_eight_users_verifies_an_address(store: Store, logins: Logins) -> None:
    tenant_id = make_tenant(store).id
    users = [
        make_user(store, tenant_id, email="ann@example.com").id for _ in range(RACERS)
    ]

    def verify(user_id: UUID) -> Callable[[Store], str]:
        def run(store: Store) -> str:
            try:
                user = store.users.verify_email(
                    tenant_id=tenant_id, user_id=user_id, email="Ann@example.com"
                )
            except DuplicateError as error:
                return error.argument
            return "verified" if user else "moved"

        return run

    outcomes = race(logins, tenant_id, [verify(user) for user in users])
    assert Counter(outcomes) == {"verified": 1, "email": RACERS - 1}
