"""Tokens that a verifier has cached, and the calls that end them."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from secrets import token_urlsafe
from typing import Any, Final
from uuid import UUID, uuid4

from authority_queries import Store
from authority_queries.records import Client
from authority_queries.repositories._sync.clients import Clients
from authority_queries.repositories._sync.service_accounts import ServiceAccounts
from authority_queries.repositories._sync.users import Users
from authority_queries.secrets import TokenString, parse_foreign_token
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_consent,
    make_service_account,
    make_session,
    make_tenant,
    make_token,
    make_user,
)
from tests.flows.cached_verifier import CachedVerifier, Dba
from tests.flows.token_families import refresh
from tests.repositories.exchange_helpers import exchanged
from tests.repositories.token_helpers import Fields

API: Final = "https://api.example"
PAYMENT: Final[dict[str, Any]] = {"type": "payment", "amount": 1}


@dataclass(frozen=True, kw_only=True)
class World:
    """Cached tokens of a user, of another user, of an account and of a client.

    `hers` are two tokens of one family, which ends with a session. `other` is a family
    of hers at the same client, and its token alone has a resource and a detail.
    `traded` was exchanged for hers by another client, with the account as its actor.
    `foreign` has a string of another store. `foreign, traded` was exchanged for it.
    """

    store: Store
    dba: Dba
    verifier: CachedVerifier
    client: Client
    trader: Client
    ids: dict[str, UUID]
    minted: dict[str, TokenString]

    @property
    def tenant(self) -> Fields:
        return {"tenant_id": self.client.tenant_id}

    @property
    def user(self) -> Fields:
        return {**self.tenant, "user_id": self.ids["ann"]}

    @property
    def consent(self) -> Fields:
        return {**self.user, "client_id": self.client.client_id}

    @property
    def account(self) -> Fields:
        return {**self.tenant, "service_account_id": self.ids["robot"]}

    def by_hand(self, statement: str, name: str) -> None:
        self.dba.execute(statement.encode(), [self.ids[name]])


def make_world(store: Store, dba: Dba) -> World:
    """Issue the tokens, and cache them."""
    tenant_id = make_tenant(store).id
    client, trader = (make_client(store, tenant_id) for _ in range(2))
    ann, bob = (make_user(store, tenant_id) for _ in range(2))
    robot = make_service_account(store, tenant_id)
    ids = {"ann": ann.id, "bob": bob.id, "robot": robot.id, "client": client.id}
    minted: dict[str, TokenString] = {}

    def add(name: str, owner: Client, **fields: Any) -> None:
        minted[name], token = make_token(store, owner, **fields)
        ids[name] = token.id

    scopes = ["openid", "email"]
    more: Fields = {"resources": [API], "authorization_details": [PAYMENT]}
    consent = make_consent(store, client, ann, scopes=scopes, **more)
    ids["consent"] = consent.id
    for name in ("family", "other family"):
        ids[name] = make_authorization(
            store, client, user_id=ann.id, consent_id=consent.id, scopes=scopes, **more
        ).id
    _, session = make_session(store, ann)
    ids["session"] = session.id
    dba.execute(
        "update authority.authorizations set session_id = %s, ends_with_session = true "
        "where id = %s",
        [session.id, ids["family"]],
    )
    hers: Fields = {"user_id": ann.id, "authorization_id": ids["family"]}
    add("hers", client, **hers, scopes=scopes)
    add("hers, too", client, **hers, scopes=["openid"])
    add("refresh", client, type="refresh", **hers, scopes=scopes)
    others: Fields = {"user_id": ann.id, "authorization_id": ids["other family"]}
    add("other", client, **others, scopes=["openid"], **more)
    add("bobs", trader, user_id=bob.id)
    add("robots", client, service_account_id=robot.id)
    add("clients", client)
    minted["traded"] = exchanged(
        store, trader, minted["hers"], actor_token_hash=minted["robots"].hash
    )
    store.tenants.accept_foreign_tokens(tenant_id=tenant_id, lifetime=2 * HOUR)
    foreign = parse_foreign_token(token_urlsafe(), kind="access", tenant_id=tenant_id)
    add("foreign", trader, user_id=bob.id, token_hash=foreign.hash)
    minted["foreign"] = foreign
    minted["foreign, traded"] = exchanged(store, trader, foreign)
    for name in ("traded", "foreign, traded"):
        found = store.tokens.verify(
            tenant_id=tenant_id, token_hash=minted[name].hash, type="access"
        )
        assert found is not None
        ids[name] = found.id
    verifier = CachedVerifier(dba, tenant_id)
    verifier.verify_all()
    return World(
        store=store,
        dba=dba,
        verifier=verifier,
        client=client,
        trader=trader,
        ids=ids,
        minted=minted,
    )


HERS = {"hers", "hers, too", "traded"}
FOREIGN = {"foreign", "foreign, traded"}
ALL = {*HERS, *FOREIGN, "other", "bobs", "robots", "clients"}
OF_CLIENT = ALL - {"bobs", *FOREIGN}
OF_ANN = {*HERS, "other"}
OF_ROBOT = {"robots", "traded"}


def revoke(at: World, name: str) -> object:
    return at.store.tokens.revoke(
        **at.tenant,
        token_hash=at.minted[name].hash,
        client_id=at.client.client_id,
        reason="sign_out",
    )


def changed(update: Callable[..., object], record: Any, **changes: Any) -> Fields:
    """Return the arguments of an update that changes only these."""
    names = [name for name in signature(update).parameters if hasattr(record, name)]
    return {**{name: getattr(record, name) for name in names}, **changes}


def update_client(at: World, **changes: Any) -> object:
    changes["client_uuid"] = at.client.id
    return at.store.clients.update(**changed(Clients.update, at.client, **changes))


def update_user(at: World, **changes: Any) -> object:
    changes["user_id"] = at.ids["ann"]
    user = at.store.users.get_by_id(**at.user)
    return at.store.users.update(**changed(Users.update, user, **changes))


def update_account(at: World, **changes: Any) -> object:
    changes["service_account_id"] = at.ids["robot"]
    accounts = at.store.service_accounts
    account = accounts.get_by_id(**at.account)
    return accounts.update(**changed(ServiceAccounts.update, account, **changes))


def reuse(at: World) -> object:
    return [
        refresh(at.store, at.client, at.minted["refresh"], uuid4()) for _ in range(2)
    ]
