"""Users and clients that are deleted while their families are refreshed."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from authority_queries import Store, mint_token
from authority_queries.records import Client, User
from authority_queries.secrets import TokenString
from tests.factories import (
    make_client,
    make_consent,
    make_tenant,
    make_token,
    make_user,
)
from tests.flows.races import race_often
from tests.flows.token_families import CALLBACK, Dba, refresh
from tests.stores import Logins

RACERS, ROUNDS = 8, 50
DEADLOCK = "deadlock"
WAITING = """
select from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""


class Family(NamedTuple):
    """A user and a client of one round, and the tokens of their 8 families."""

    user: User
    client: Client
    tokens: Sequence[TokenString]


Delete: TypeAlias = Callable[[Store, Family], bool]
DELETE: dict[str, Delete] = {
    "users.delete": lambda store, family: store.users.delete(
        tenant_id=family.user.tenant_id, user_id=family.user.id
    ),
    "clients.delete": lambda store, family: store.clients.delete(
        tenant_id=family.client.tenant_id, client_uuid=family.client.id
    ),
}


@pytest.fixture
def families(sync_store: Store) -> list[Family]:
    tenant = make_tenant(sync_store)

    def make() -> Family:
        user = make_user(sync_store, tenant.id)
        client = make_client(sync_store, tenant.id)
        tokens = [
            make_token(sync_store, client, "refresh", user_id=user.id)[0]
            for _ in range(RACERS)
        ]
        return Family(user=user, client=client, tokens=tokens)

    return [make() for _ in range(ROUNDS)]


def rotator(families: list[Family], number: int) -> Callable[[Store, int], str]:
    def run(store: Store, turn: int) -> str:
        _, client, tokens = families[turn]
        try:
            return str(refresh(store, client, tokens[number], uuid4()).outcome)
        except psycopg.errors.DeadlockDetected:
            return f"{DEADLOCK} of a refresh"

    return run


def deleter(families: list[Family], delete: Delete) -> Callable[[Store, int], str]:
    """Delete, again after a deadlock."""

    def run(store: Store, turn: int) -> str:
        outcome = "deleted"
        while True:
            try:
                assert delete(store, families[turn])
            except psycopg.errors.DeadlockDetected:
                outcome = f"{DEADLOCK} of the deletion"
            else:
                return outcome

    return run


@pytest.mark.parametrize("kind", DELETE)
def test_no_refreshed_token_outlives_a_deletion(
    kind: str, families: list[Family], dba: Dba, logins: Logins, figures: list[str]
) -> None:
    # PostgreSQL would look for a deadlock after a second.
    dba.execute(
        SQL("alter database {} set deadlock_timeout = '50ms'").format(
            Identifier(dba.info.dbname)
        )
    )
    tenant_id = families[0].user.tenant_id
    racers = [rotator(families, number) for number in range(RACERS)]
    racers.append(deleter(families, DELETE[kind]))
    rounds = race_often(logins, [tenant_id] * ROUNDS, racers)
    counted = Counter(outcome for racers in rounds for outcome in racers)
    left = dba.execute("select from authority.tokens").rowcount
    figures.append(
        f"{kind} beside {RACERS} rotators, {ROUNDS} times: {dict(counted)}; "
        f"{left} tokens left"
    )
    assert left == 0
    assert counted["deleted"] == ROUNDS
    assert counted["redeemed"] > 0
    assert counted["redeemed"] + counted["invalid"] == RACERS * ROUNDS


@pytest.mark.parametrize("kind", DELETE)
def test_a_grant_on_a_widened_consent_precedes_a_deletion(
    kind: str, store: Store, dba: Dba, logins: Logins
) -> None:
    client = make_client(store, make_tenant(store).id, redirect_uris=[CALLBACK])
    user = make_user(store, client.tenant_id)
    make_consent(store, client, user)
    family = Family(user=user, client=client, tokens=())
    app = logins.app_for(client.tenant_id)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(app) as unit:
        make_consent(Store(unit), client, user)
        deletion = pool.submit(DELETE[kind], store, family)
        while not dba.execute(WAITING).rowcount:
            assert not deletion.done(), deletion.result()
        code = mint_token("authorization_code", client.tenant_id)
        issued = Store(unit).grants.issue_code(
            tenant_id=client.tenant_id,
            token_hash=code.hash,
            client_id=client.client_id,
            user_id=user.id,
            authenticated_at=None,
        )
        assert issued.outcome == "issued"
        unit.commit()
        assert deletion.result()
    assert dba.execute("select from authority.tokens").rowcount == 0
