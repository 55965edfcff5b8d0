"""Races for accounts at other providers; the outcomes are counted."""

from collections import Counter
from collections.abc import Callable
from uuid import UUID

from authority_queries import Store
from authority_queries.errors import DuplicateError
from tests.factories import make_tenant, make_user
from tests.flows.races import both_units, race
from tests.stores import Logins

RACERS = 8
ROUNDS = 5
GOOGLE = "https://accounts.google.com"


def link(tenant_id: UUID, user_id: UUID, subject: str) -> Callable[[Store], str]:
    def run(store: Store) -> str:
        try:
            store.user_identities.link(
                tenant_id=tenant_id, user_id=user_id, issuer=GOOGLE, subject=subject
            )
        except DuplicateError as error:
            return error.argument
        return "linked"

    return run


def unlink(tenant_id: UUID, user_id: UUID, subject: str) -> Callable[[Store], str]:
    return lambda store: (
        store.user_identities.unlink(
            tenant_id=tenant_id, user_id=user_id, issuer=GOOGLE, subject=subject
        ).outcome
    )


@both_units
def test_one_of_eight_users_links_an_account(
    store: Store, logins: Logins, *, autocommit: bool
) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(ROUNDS):
        tenant_id = make_tenant(store).id
        users = [make_user(store, tenant_id).id for _ in range(RACERS)]
        runs = [link(tenant_id, user, f"account {number}") for user in users]
        outcomes.update(race(logins, tenant_id, runs, autocommit=autocommit))
    assert outcomes == {"linked": ROUNDS, "subject": ROUNDS * (RACERS - 1)}


@both_units
def test_eight_requests_that_unlink_all_accounts_leave_one(
    store: Store, logins: Logins, *, autocommit: bool
) -> None:
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        tenant_id = make_tenant(store).id
        user = make_user(store, tenant_id).id
        accounts = [f"account {number}" for number in range(RACERS)]
        for account in accounts:
            link(tenant_id, user, account)(store)
        runs = [unlink(tenant_id, user, account) for account in accounts]
        outcomes.update(race(logins, tenant_id, runs, autocommit=autocommit))
        kept = store.user_identities.list_by_user(
            tenant_id=tenant_id, user_id=user
        ).items
        assert len(kept) == 1
    assert outcomes == {"unlinked": ROUNDS * (RACERS - 1), "last_sign_in": ROUNDS}
