"""A rehash after a sign-in races a change of the same password."""

from collections import Counter
from functools import partial

from authority_queries import Store
from authority_queries.errors import ConcurrencyConflictError
from authority_queries.records import User
from tests.factories import PHC, make_tenant, make_user
from tests.flows.races import race
from tests.stores import Logins

STOLEN = PHC
REHASHED = PHC.replace("t=3", "t=4")
CHANGED = PHC.replace("t=3", "t=5")


def set_hash(user: User, password_hash: str, store: Store) -> str:
    try:
        store.users.set_password_hash(
            tenant_id=user.tenant_id,
            user_id=user.id,
            row_version=user.row_version,
            password_hash=password_hash,
        )
    except ConcurrencyConflictError:
        return "conflict"
    return password_hash


def test_a_rehash_never_brings_back_a_password_that_was_changed(
    store: Store, logins: Logins
) -> None:
    for _ in range(10):
        read = make_user(store, make_tenant(store).id, password_hash=STOLEN)
        runs = [partial(set_hash, read, REHASHED) for _ in range(3)]
        outcomes = race(
            logins, read.tenant_id, [*runs, partial(set_hash, read, CHANGED)]
        )
        winners = Counter(outcomes)
        assert winners.pop("conflict") == 3
        now = store.users.get_by_id(tenant_id=read.tenant_id, user_id=read.id)
        assert now is not None
        assert list(winners) == [now.password_hash]
        # The loser reads again, so the password is changed in the end.
        if now.password_hash == REHASHED:
            assert set_hash(now, CHANGED, store) == CHANGED
        assert set_hash(read, REHASHED, store) == "conflict"
