"""Ends that race: no deadlock over the feed, and an entry for each end."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store, mint_token
from authority_queries.records import Client
from authority_queries.secrets import TokenString
from tests.factories import (
    make_authorization,
    make_client,
    make_consent,
    make_tenant,
    make_token,
    make_user,
)
from tests.flows.cached_verifier import CachedVerifier, Dba
from tests.flows.races import race_often
from tests.flows.token_families import refresh
from tests.stores import Logins

FAMILIES, ROUNDS = 4, 40


@dataclass(frozen=True)
class Used:
    """Families of one user, in order of id, whose refresh tokens are used up."""

    client: Client
    ids: Sequence[UUID]
    tokens: Sequence[TokenString]

    @property
    def tenant_id(self) -> UUID:
        return self.client.tenant_id


def make_used(store: Store) -> Used:
    client = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    made = []
    for _ in range(FAMILIES):
        family = make_authorization(store, client, user_id=user.id)
        token, _ = make_token(
            store, client, "refresh", user_id=user.id, authorization_id=family.id
        )
        assert refresh(store, client, token, uuid4()).outcome == "redeemed"
        made.append((family.id, token))
    made.sort(key=lambda each: each[0])
    return Used(client, [id_ for id_, _ in made], [token for _, token in made])


def test_reuse_and_revocations_of_several_families_do_not_deadlock(
    store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    """A transaction that ends one family after the other meets those that end one.

    Both lock families in one order. If the first end locked the feed at once, the
    transaction would hold it while it waits for the next family.
    """
    used = [make_used(store) for _ in range(ROUNDS)]
    views = [CachedVerifier(dba, each.tenant_id) for each in used]
    for view in views:
        view.verify_all()
        assert len(view.cache) == FAMILIES

    def reuser(number: int) -> Callable[[Store, int], str]:
        def run(store: Store, turn: int) -> str:
            at = used[turn]
            answer = refresh(store, at.client, at.tokens[number], uuid4())
            return str(answer.outcome)

        return run

    def revoke_all(_: Store, turn: int) -> str:
        at = used[turn]
        with psycopg.connect(logins.app_for(at.tenant_id)) as connection:
            for id_ in at.ids:
                Store(connection).authorizations.revoke(
                    tenant_id=at.tenant_id, authorization_id=id_, reason="all"
                )
        return "all"

    racers = [reuser(number) for number in range(FAMILIES)] + [revoke_all] * 2
    rounds = race_often(logins, [each.tenant_id for each in used], racers)
    counted = Counter(outcome for outcomes in rounds for outcome in outcomes)
    reasons: Counter[str] = Counter()
    for view, each in zip(views, used, strict=True):
        entries, dropped = view.follow()
        assert [entry.sequence for entry in entries] == [*range(1, FAMILIES + 1)]
        assert {entry.target for entry in entries} == {str(id_) for id_ in each.ids}
        assert len(dropped) == FAMILIES
        reasons.update(entry.reason for entry in entries)
    assert counted["all"] == 2 * ROUNDS
    assert min(reasons["all"], reasons["token_reuse"]) > 0
    figures.append(
        f"{FAMILIES} reuses beside 2 transactions that end {FAMILIES} families, "
        f"{ROUNDS} times: {dict(counted)}; entries {dict(reasons)}, 0 deadlocks"
    )


def test_a_family_that_is_granted_while_its_consent_ends_is_in_the_feed(
    store: Store, dba: Dba, logins: Logins
) -> None:
    """The revocation waits for the grant, and finds its family."""
    client = make_client(
        store, make_tenant(store).id, redirect_uris=["https://app.example/cb"]
    )
    user = make_user(store, client.tenant_id)
    make_consent(store, client, user)
    withdrawal: dict[str, Any] = {
        "tenant_id": client.tenant_id,
        "user_id": user.id,
        "client_id": client.client_id,
    }
    with (
        psycopg.connect(logins.app, autocommit=True) as connection,
        ThreadPoolExecutor(1) as threads,
    ):
        with Store.unit(connection, client.tenant_id) as granting:
            code = granting.grants.issue_code(
                tenant_id=client.tenant_id,
                token_hash=mint_token("access", client.tenant_id).hash,
                client_id=client.client_id,
                user_id=user.id,
                scopes=["openid"],
                redirect_uri="https://app.example/cb",
                authenticated_at=None,
            )
            assert code.outcome == "issued"
            ending = threads.submit(
                store.consents.revoke, **withdrawal, reason="withdrawn"
            )
            with pytest.raises(TimeoutError):
                ending.result(timeout=0.3)
        assert ending.result(timeout=60)
    entries = CachedVerifier(dba, client.tenant_id).read()
    assert [entry.target for entry in entries] == [str(code.authorization_id)]
