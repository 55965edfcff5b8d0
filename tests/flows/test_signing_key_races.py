"""Rotations of signing keys under real concurrency; every outcome is counted."""

import secrets
from collections import Counter
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

import psycopg

from authority_queries import Keyring, Store, mint_signing_key
from authority_queries.testing import Clock
from tests.factories import HOUR, make_tenant
from tests.flows.races import both_units, race, race_often
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
DAY = timedelta(days=1)
KEYRING = Keyring(current="key", keys={"key": secrets.token_bytes(32)})
ROUNDS = 10


def publish(store: Store, tenant_id: UUID) -> Any:
    return store.signing_keys.publish(
        tenant_id=tenant_id, key=mint_signing_key("ES256"), keyring=KEYRING
    )


def states(store: Store, tenant_id: UUID) -> Counter[str]:
    listed = store.signing_keys.list_states(tenant_id=tenant_id).items
    return Counter(key.state for key in listed)


@both_units
def test_8_instances_that_publish_and_rotate_at_once_rotate_once(
    sync_store: Store, logins: Logins, clock: Clock, *, autocommit: bool
) -> None:
    store = sync_store
    tenant_ids = [make_tenant(store).id for _ in range(ROUNDS)]

    def published(store: Store, number: int) -> str:
        outcome: str = publish(store, tenant_ids[number]).outcome
        return outcome

    def rotated(store: Store, number: int) -> str:
        return store.signing_keys.rotate(
            tenant_id=tenant_ids[number], alg="ES256", tokens_live_for=HOUR
        ).outcome

    # Some see the first key and publish the next one in the first round.
    rounds = [
        race_often(logins, tenant_ids, [published] * 8, autocommit=autocommit)
        for _ in range(2)
    ]
    for first, second in zip(*rounds, strict=True):
        assert Counter(first + second) == {"signing": 1, "next": 1, "exists": 14}
    clock.advance(DAY)
    for outcomes in race_often(
        logins, tenant_ids, [rotated] * 8, autocommit=autocommit
    ):
        assert Counter(outcomes) == {"rotated": 1, "no_next": 7}
    for tenant_id in tenant_ids:
        assert states(store, tenant_id) == {"retired": 1, "signing": 1}


def test_a_key_that_is_rotated_and_withdrawn_at_once_signs_no_more(
    sync_store: Store, logins: Logins, clock: Clock
) -> None:
    for _ in range(ROUNDS):
        tenant_id = make_tenant(sync_store).id
        first = publish(sync_store, tenant_id).kid
        second = publish(sync_store, tenant_id).kid
        clock.advance(DAY)

        def rotate(store: Store, tenant_id: UUID = tenant_id) -> object:
            return store.signing_keys.rotate(
                tenant_id=tenant_id, alg="ES256", tokens_live_for=HOUR
            ).outcome

        def withdraw(
            store: Store, tenant_id: UUID = tenant_id, kid: str = first
        ) -> object:
            return store.signing_keys.withdraw_compromised(
                tenant_id=tenant_id, kid=kid
            ).outcome

        outcomes = race(logins, tenant_id, [rotate, withdraw] * 4)
        counted = Counter(outcomes)
        assert (counted["compromised"], counted["already_compromised"]) == (1, 3)
        assert counted["rotated"] <= 1
        signing = sync_store.signing_keys.get_signing(
            tenant_id=tenant_id, alg="ES256", keyring=KEYRING
        )
        assert signing is not None
        assert signing.kid == second
        assert states(sync_store, tenant_id) == {"compromised": 1, "signing": 1}
        entries = sync_store.revocations.list_since(tenant_id=tenant_id)
        assert [entry.target for entry in entries] == [first]
