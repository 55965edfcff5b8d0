"""Issuing beside a deletion, or beside the end of the exchanged tokens."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest

from authority_queries import Store, mint_token
from authority_queries.errors import NotFoundError
from authority_queries.records import Client, ServiceAccount, User
from authority_queries.secrets import TokenString
from tests.factories import (
    HOUR,
    make_client,
    make_device,
    make_pushed_request,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.flows.races import race_often
from tests.flows.token_families import CALLBACK, Dba
from tests.stores import Logins

RACERS, ROUNDS = 6, 20
WAITING = """
select from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The deleted user or client, and the objects that would refer to it."""

    client: Client
    service: Client
    user: User
    account: ServiceAccount
    of_user: TokenString
    of_account: TokenString
    user_code: bytes

    @property
    def tenant(self) -> dict[str, Any]:
        return {"tenant_id": self.client.tenant_id}

    @property
    def tenant_id(self) -> UUID:
        return self.client.tenant_id

    @property
    def new_hash(self) -> bytes:
        return mint_token("access", self.tenant_id).hash


def make_scene(store: Store) -> Scene:
    tenant_id = make_tenant(store).id
    client, service = (
        make_client(store, tenant_id, redirect_uris=[CALLBACK], consent_type="implicit")
        for _ in range(2)
    )
    user = make_user(store, tenant_id)
    account = make_service_account(
        store, tenant_id, authorized_client_uuids=[client.id]
    )
    family = store.authorizations.create(
        tenant_id=tenant_id, client_uuid=client.id, user_id=user.id
    )
    of_user, _ = make_token(store, client, user_id=user.id, authorization_id=family.id)
    of_account, _ = make_token(store, service, service_account_id=account.id)
    return Scene(
        client=client,
        service=service,
        user=user,
        account=account,
        of_user=of_user,
        of_account=of_account,
        user_code=make_device(store, client)[1],
    )


Issue: TypeAlias = Callable[[Store, Scene], str]
Delete: TypeAlias = Callable[[Store, Scene], object]


def issue_code(store: Store, at: Scene) -> str:
    return store.grants.issue_code(
        **at.tenant,
        token_hash=at.new_hash,
        client_id=at.client.client_id,
        user_id=at.user.id,
        authenticated_at=None,
    ).outcome


def issue_to_client(store: Store, at: Scene) -> str:
    return store.grants.issue_to_client(
        **at.tenant,
        token_hash=at.new_hash,
        client_id=at.client.client_id,
        service_account_id=at.account.id,
        lifetime=HOUR,
    ).outcome


def exchange(subject: str, client: str = "service", actor: str | None = None) -> Issue:
    def call(store: Store, at: Scene) -> str:
        return store.exchanges.exchange(
            **at.tenant,
            token_hash=at.new_hash,
            client_id=getattr(at, client).client_id,
            subject_token_hash=getattr(at, subject).hash,
            actor_token_hash=getattr(at, actor).hash if actor else None,
            lifetime=HOUR,
        ).outcome

    return call


def ask_for_a_device(store: Store, at: Scene) -> str:
    return store.device_authorizations.create(
        **at.tenant,
        device_code_hash=at.new_hash,
        user_code_hash=at.new_hash,
        client_id=at.client.client_id,
    ).outcome


def approve(store: Store, at: Scene) -> str:
    return store.device_authorizations.approve(
        **at.tenant,
        user_code_hash=at.user_code,
        user_id=at.user.id,
        authenticated_at=None,
    ).outcome


def push(store: Store, at: Scene) -> str:
    try:
        make_pushed_request(store, at.client)
    except NotFoundError:
        return "client_inactive"
    return "pushed"


DELETE: dict[str, Delete] = {
    "client": lambda store, at: store.clients.delete(
        **at.tenant, client_uuid=at.client.id
    ),
    "user": lambda store, at: store.users.delete(**at.tenant, user_id=at.user.id),
    "account": lambda store, at: store.service_accounts.delete(
        **at.tenant, service_account_id=at.account.id
    ),
}


def start_a_session(store: Store, at: Scene) -> str:
    session = store.sessions.start(
        **at.tenant, cookie_hash=at.new_hash, user_id=at.user.id, authenticated_at=None
    )
    return "started" if session else "refused"


BESIDE: list[tuple[str, Issue, str]] = [
    ("client", issue_code, "client_inactive"),
    ("user", issue_code, "user_inactive"),
    ("client", issue_to_client, "client_inactive"),
    ("account", issue_to_client, "service_account_inactive"),
    ("client", exchange("of_account", "client"), "client_inactive"),
    ("client", exchange("of_user"), "invalid_subject_token"),
    ("user", exchange("of_user"), "invalid_subject_token"),
    ("account", exchange("of_account"), "invalid_subject_token"),
    ("client", ask_for_a_device, "client_inactive"),
    ("client", approve, "invalid"),
    ("user", approve, "user_inactive"),
    ("client", push, "client_inactive"),
    ("user", start_a_session, "refused"),
]


def test_issuing_that_waits_for_a_deletion_is_refused_without_an_error(
    sync_store: Store, dba: Dba, logins: Logins
) -> None:
    for who, issue, outcome in BESIDE:
        at = make_scene(sync_store)
        app = logins.app_for(at.tenant_id)
        with (
            ThreadPoolExecutor(1) as threads,
            psycopg.connect(app) as deleting,
            psycopg.connect(app, autocommit=True) as issuing,
        ):
            assert DELETE[who](Store(deleting), at)
            waiting = threads.submit(issue, Store(issuing), at)
            while not dba.execute(WAITING).rowcount:
                assert not waiting.done(), (who, issue, waiting.result())
            deleting.commit()
            assert waiting.result() == outcome, (who, issue)


def revoke_subject(store: Store, at: Scene) -> object:
    return store.tokens.revoke(
        **at.tenant,
        token_hash=at.of_user.hash,
        client_id=at.client.client_id,
        reason="by its client",
    )


def sign_the_actor_out(store: Store, at: Scene) -> object:
    return store.service_accounts.revoke_tokens(
        **at.tenant, service_account_id=at.account.id
    )


ENDS: dict[str, tuple[Delete, str]] = {
    "tokens.revoke": (revoke_subject, "invalid_subject_token"),
    "service_accounts.revoke_tokens": (sign_the_actor_out, "invalid_actor_token"),
}


@pytest.mark.parametrize("kind", ENDS)
def test_no_exchanged_token_outlives_the_tokens_behind_it(
    kind: str, sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    end, refusal = ENDS[kind]
    scenes = [make_scene(sync_store) for _ in range(ROUNDS)]
    call = exchange("of_user", actor="of_account")

    def ended(store: Store, turn: int) -> str:
        assert end(store, scenes[turn])
        return "ended"

    exchangers = [lambda store, turn: call(store, scenes[turn])] * RACERS
    rounds = race_often(logins, [at.tenant_id for at in scenes], [*exchangers, ended])
    counted = Counter(outcome for outcomes in rounds for outcome in outcomes)
    survivors = dba.execute(
        "select from authority.live_tokens where type = 'access' "
        "and user_id is not null and client_uuid = any(%s)",
        [[at.service.id for at in scenes]],
    ).rowcount
    figures.append(
        f"{kind} beside {RACERS} exchanges, {ROUNDS} times: {dict(counted)}; "
        f"{survivors} survivors"
    )
    assert survivors == 0
    assert counted["ended"] == ROUNDS
    assert counted["issued"] > 0
    assert counted["issued"] + counted[refusal] == RACERS * ROUNDS
