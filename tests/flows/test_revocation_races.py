"""Revocations of each kind beside 8 racing refreshes, 100 times each."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple, TypeAlias
from uuid import UUID, uuid4

import pytest

from authority_queries import Store, mint_token
from authority_queries.records import Client
from authority_queries.secrets import TokenString
from tests.factories import (
    make_client,
    make_service_account,
    make_tenant,
    make_user,
)
from tests.flows.races import race_often
from tests.flows.token_families import Dba, refresh
from tests.stores import Logins

RACERS, ROUNDS = 8, 100
LEEWAY = timedelta(seconds=30)

# Families of one subject and client, with a refresh token each, in one statement.
_MAKE_FAMILIES = """
with given as materialized (
    select gen_random_uuid() as id, hash from unnest(%(hashes)s::bytea[]) as hash
),
families as (
    insert into authority.authorizations
    (tenant_id, id, client_uuid, user_id, service_account_id, consent_id, scopes)
    select %(tenant_id)s, id, %(client_uuid)s, %(user_id)s, %(account_id)s,
        %(consent_id)s, '{}'
    from given
)
insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, user_id, service_account_id,
    authorization_id, expires_at
)
select %(tenant_id)s, 'refresh', hash, %(client_uuid)s, %(user_id)s, %(account_id)s,
    id, authority.clock() + interval '1 hour'
from given
returning authorization_id
"""


class Grant(NamedTuple):
    """What one round revokes, in a tenant of its own."""

    client: Client
    user_id: UUID
    account_id: UUID
    family_id: UUID
    tokens: Sequence[TokenString]

    @property
    def tenant_id(self) -> UUID:
        return self.client.tenant_id


Revoke: TypeAlias = Callable[[Store, Grant], object]


def make_grant(store: Store, dba: Dba, *, families: int, of_account: bool) -> Grant:
    client = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    account = make_service_account(store, client.tenant_id)
    consent = store.consents.grant(
        tenant_id=client.tenant_id,
        user_id=user.id,
        client_id=client.client_id,
        scopes=[],
    )
    tokens = [mint_token("refresh", client.tenant_id) for _ in range(families)]
    row = dba.execute(
        _MAKE_FAMILIES,
        {
            "tenant_id": client.tenant_id,
            "client_uuid": client.id,
            "user_id": None if of_account else user.id,
            "account_id": account.id if of_account else None,
            "consent_id": None if of_account else consent.id,
            "hashes": [token.hash for token in tokens],
        },
    ).fetchone()
    assert row is not None
    return Grant(
        client=client,
        user_id=user.id,
        account_id=account.id,
        family_id=row[0],
        tokens=tokens,
    )


# A revocation that ends one family is raced by 8 requests for its one token; one that
# ends more, by requests for 8 families.
ONE_FAMILY: dict[str, Revoke] = {
    "authorizations.revoke": lambda store, grant: store.authorizations.revoke(
        tenant_id=grant.tenant_id, authorization_id=grant.family_id, reason="test"
    ),
    "tokens.revoke": lambda store, grant: store.tokens.revoke(
        tenant_id=grant.tenant_id,
        token_hash=grant.tokens[0].hash,
        client_id=grant.client.client_id,
        reason="test",
    ),
}
ALL_FAMILIES: dict[str, Revoke] = {
    "consents.revoke": lambda store, grant: store.consents.revoke(
        tenant_id=grant.tenant_id,
        user_id=grant.user_id,
        client_id=grant.client.client_id,
        reason="test",
    ),
    "users.revoke_tokens": lambda store, grant: store.users.revoke_tokens(
        tenant_id=grant.tenant_id,
        user_id=grant.user_id,
    ),
    "clients.revoke_tokens": lambda store, grant: store.clients.revoke_tokens(
        tenant_id=grant.tenant_id, client_uuid=grant.client.id
    ),
    "tenants.revoke_tokens": lambda store, grant: store.tenants.revoke_tokens(
        tenant_id=grant.tenant_id
    ),
}
OF_ACCOUNT: dict[str, Revoke] = {
    "service_accounts.revoke_tokens": lambda store, grant: (
        store.service_accounts.revoke_tokens(
            tenant_id=grant.tenant_id,
            service_account_id=grant.account_id,
        )
    ),
}
KINDS = {**ONE_FAMILY, **ALL_FAMILIES, **OF_ACCOUNT}


def rotator(grants: Sequence[Grant], number: int) -> Callable[[Store, int], str]:
    def rotate(store: Store, turn: int) -> str:
        grant = grants[turn]
        token = grant.tokens[number % len(grant.tokens)]
        outcome = refresh(store, grant.client, token, uuid4(), leeway=LEEWAY).outcome
        return str(outcome)

    return rotate


def revoker(grants: Sequence[Grant], revoke: Revoke) -> Callable[[Store, int], str]:
    """Revoke, and check at once whether the service sees a live token."""

    def run(store: Store, turn: int) -> str:
        grant = grants[turn]
        assert revoke(store, grant)
        left = store.tokens.list_active_by_client(
            tenant_id=grant.tenant_id, client_uuid=grant.client.id
        ).items
        return "survived" if left else "revoked"

    return run


def count_live(dba: Dba) -> int:
    row = dba.execute("select count(*) from authority.live_tokens").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("kind", KINDS)
def test_no_rotation_outlives_a_revocation(
    kind: str,
    dba: Dba,
    logins: Logins,
    figures: list[str],
    sync_store: Store,
) -> None:
    grants = [
        make_grant(
            sync_store,
            dba,
            families=1 if kind in ONE_FAMILY else RACERS,
            of_account=kind in OF_ACCOUNT,
        )
        for _ in range(ROUNDS)
    ]
    racers = [rotator(grants, number) for number in range(RACERS)]
    racers.append(revoker(grants, KINDS[kind]))
    rounds = race_often(logins, [grant.tenant_id for grant in grants], racers)
    counted = Counter(outcome for racers in rounds for outcome in racers)
    survivors = counted["survived"] + count_live(dba)
    figures.append(
        f"{kind} beside {RACERS} rotators, {ROUNDS} times: {dict(counted)}; "
        f"{survivors} survivors"
    )
    assert survivors == 0
    assert counted["revoked"] == ROUNDS
    assert counted["redeemed"] > 0
