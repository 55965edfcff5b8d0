"""Races for a registration access token; the outcomes are counted."""

from collections import Counter
from collections.abc import Callable

from authority_queries import Store
from authority_queries.records import Client
from authority_queries.secrets import TokenString, mint_token
from tests.flows.races import both_units, race
from tests.repositories.test_client_registrations import presented, registered
from tests.stores import Logins

RACERS = 8
ROUNDS = 5


def rotate(client: Client, token: TokenString) -> Callable[[Store], str]:
    renewed = mint_token("registration", client.tenant_id)
    return lambda store: (
        "rotated"
        if store.client_registrations.rotate_token(
            **presented(client, token), new_token_hash=renewed.hash
        )
        else "refused"
    )


@both_units
def test_one_of_eight_requests_rotates_a_token(
    store: Store, logins: Logins, *, autocommit: bool
) -> None:
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        client, token = registered(store)
        runs = [rotate(client, token) for _ in range(RACERS)]
        outcomes.update(race(logins, client.tenant_id, runs, autocommit=autocommit))
    assert outcomes == {"rotated": ROUNDS, "refused": ROUNDS * (RACERS - 1)}
