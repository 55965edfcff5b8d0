"""Whatever ends a cached token is in the feed, without a word of the caller."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from inspect import signature
from typing import Any
from uuid import UUID, uuid4

import pytest

from authority_queries import Store
from authority_queries.records import Client
from authority_queries.repositories._sync.clients import Clients
from authority_queries.repositories._sync.service_accounts import ServiceAccounts
from authority_queries.repositories._sync.users import Users
from authority_queries.secrets import TokenString
from tests.clock import Clock
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_consent,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.flows.cached_verifier import CachedVerifier, Dba
from tests.flows.token_families import refresh
from tests.repositories.exchange_helpers import exchanged
from tests.repositories.token_helpers import Fields


@dataclass(frozen=True, kw_only=True)
class World:
    """Cached tokens of a user, of another user, of an account and of a client.

    `hers` are two tokens of one family, `other` is a family of hers at the same client.
    `traded` was exchanged for hers by another client, with the account as its actor.
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


@pytest.fixture
def world(store: Store, dba: Dba) -> World:
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
    consent = make_consent(store, client, ann)
    ids["consent"] = consent.id
    for name in ("family", "other family"):
        ids[name] = make_authorization(
            store, client, user_id=ann.id, consent_id=consent.id, scopes=scopes
        ).id
    hers: Fields = {"user_id": ann.id, "authorization_id": ids["family"]}
    add("hers", client, **hers, scopes=scopes)
    add("hers, too", client, **hers, scopes=["openid"])
    add("refresh", client, type="refresh", **hers, scopes=scopes)
    others: Fields = {"user_id": ann.id, "authorization_id": ids["other family"]}
    add("other", client, **others, scopes=["openid"])
    add("bobs", trader, user_id=bob.id)
    add("robots", client, service_account_id=robot.id)
    add("clients", client)
    minted["traded"] = exchanged(
        store, trader, minted["hers"], actor_token_hash=minted["robots"].hash
    )
    found = store.tokens.verify(
        tenant_id=tenant_id, token_hash=minted["traded"].hash, type="access"
    )
    assert found is not None
    ids["traded"] = found.id
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
ALL = {*HERS, "other", "bobs", "robots", "clients"}
OF_CLIENT = ALL - {"bobs"}
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


@dataclass(frozen=True, kw_only=True)
class End:
    """What ends tokens, the entries that it publishes, and the tokens."""

    act: Callable[[World], object]
    entries: list[tuple[str, str, str]]
    ended: set[str]


def entry(category: str, name: str, reason: str) -> list[tuple[str, str, str]]:
    return [(category, name, reason)]


ENDS = {
    "tokens.revoke of an access token": End(
        act=lambda at: revoke(at, "hers"),
        entries=entry("token", "hers", "sign_out"),
        ended={"hers", "traded"},
    ),
    "tokens.revoke of a refresh token": End(
        act=lambda at: revoke(at, "refresh"),
        entries=entry("authorization", "family", "sign_out"),
        ended=HERS,
    ),
    "tokens.revoke_by_id": End(
        act=lambda at: at.store.tokens.revoke_by_id(
            **at.tenant, token_id=at.ids["robots"], reason="stolen"
        ),
        entries=entry("token", "robots", "stolen"),
        ended=OF_ROBOT,
    ),
    "authorizations.revoke": End(
        act=lambda at: at.store.authorizations.revoke(
            **at.tenant, authorization_id=at.ids["family"], reason="withdrawn"
        ),
        entries=entry("authorization", "family", "withdrawn"),
        ended=HERS,
    ),
    "redemptions.redeem finds reuse": End(
        act=reuse,
        entries=entry("authorization", "family", "token_reuse"),
        ended=HERS,
    ),
    "consents.revoke": End(
        act=lambda at: at.store.consents.revoke(**at.consent, reason="withdrawn"),
        entries=[
            ("authorization", "family", "consent_revoked"),
            ("authorization", "other family", "consent_revoked"),
        ],
        ended=OF_ANN,
    ),
    "consents.narrow": End(
        act=lambda at: at.store.consents.narrow(**at.consent, scopes=["openid"]),
        entries=[
            ("authorization", "family", "consent_narrowed"),
            ("authorization", "other family", "consent_narrowed"),
        ],
        ended={"hers", "traded"},
    ),
    "users.revoke_tokens": End(
        act=lambda at: at.store.users.revoke_tokens(**at.user),
        entries=entry("subject", "ann", "user_signed_out"),
        ended=OF_ANN,
    ),
    "users.update": End(
        act=lambda at: update_user(at, status="suspended"),
        entries=entry("subject", "ann", "user_inactive"),
        ended=OF_ANN,
    ),
    "users.update to pending": End(
        act=lambda at: update_user(at, status="pending"),
        entries=entry("subject", "ann", "user_inactive"),
        ended=OF_ANN,
    ),
    "users.delete": End(
        act=lambda at: at.store.users.delete(**at.user),
        entries=entry("subject", "ann", "user_deleted"),
        ended=OF_ANN,
    ),
    "service_accounts.revoke_tokens": End(
        act=lambda at: at.store.service_accounts.revoke_tokens(**at.account),
        entries=entry("subject", "robot", "service_account_signed_out"),
        ended=OF_ROBOT,
    ),
    "service_accounts.update": End(
        act=lambda at: update_account(at, enabled=False),
        entries=entry("subject", "robot", "service_account_disabled"),
        ended=OF_ROBOT,
    ),
    "service_accounts.delete": End(
        act=lambda at: at.store.service_accounts.delete(**at.account),
        entries=entry("subject", "robot", "service_account_deleted"),
        ended=OF_ROBOT,
    ),
    "clients.revoke_tokens": End(
        act=lambda at: at.store.clients.revoke_tokens(
            **at.tenant, client_uuid=at.client.id
        ),
        entries=entry("client", "client", "client_signed_out"),
        ended=OF_CLIENT,
    ),
    "clients.update": End(
        act=lambda at: update_client(at, enabled=False),
        entries=entry("client", "client", "client_disabled"),
        ended=OF_CLIENT,
    ),
    "clients.delete": End(
        act=lambda at: at.store.clients.delete(**at.tenant, client_uuid=at.client.id),
        entries=entry("client", "client", "client_deleted"),
        ended=OF_CLIENT,
    ),
    "tenants.revoke_tokens": End(
        act=lambda at: at.store.tenants.revoke_tokens(**at.tenant),
        entries=entry("tenant", "tenant", "tenant_signed_out"),
        ended=ALL,
    ),
    "tenants.suspend": End(
        act=lambda at: at.store.tenants.suspend(**at.tenant),
        entries=entry("tenant", "tenant", "tenant_inactive"),
        ended=ALL,
    ),
    "tenants.terminate": End(
        act=lambda at: at.store.tenants.terminate(**at.tenant),
        entries=entry("tenant", "tenant", "tenant_inactive"),
        ended=ALL,
    ),
    "a token deleted by hand": End(
        act=lambda at: at.by_hand(
            "delete from authority.tokens where id = %s", "robots"
        ),
        entries=entry("token", "robots", "token_deleted"),
        ended=OF_ROBOT,
    ),
    "a family deleted by hand": End(
        act=lambda at: at.by_hand(
            "delete from authority.authorizations where id = %s", "family"
        ),
        entries=entry("authorization", "family", "authorization_deleted"),
        ended=HERS,
    ),
    "a consent deleted by hand": End(
        act=lambda at: at.by_hand(
            "delete from authority.consents where id = %s", "consent"
        ),
        entries=[
            ("authorization", "family", "authorization_deleted"),
            ("authorization", "other family", "authorization_deleted"),
        ],
        ended=OF_ANN,
    ),
    "a user signed out by hand": End(
        act=lambda at: at.by_hand(
            "update authority.users set tokens_valid_after = authority.clock() "
            "where id = %s",
            "ann",
        ),
        entries=entry("subject", "ann", "user_signed_out"),
        ended=OF_ANN,
    ),
}


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_tokens_is_in_the_feed(what: str, world: World) -> None:
    end = ENDS[what]
    targets = _targets(world)
    assert world.verifier.cache.keys() == {world.ids[name] for name in ALL}
    end.act(world)
    entries, dropped = world.verifier.follow()
    published = [(e.category, targets[e.category, e.target], e.reason) for e in entries]
    assert sorted(published) == sorted(end.entries)
    assert dropped.keys() == {world.ids[name] for name in end.ended}
    assert world.verifier.cache.keys() == world.verifier.live().keys()


def _targets(at: World) -> dict[tuple[str, str], str]:
    user = at.store.users.get_by_id(**at.user)
    account = at.store.service_accounts.get_by_id(**at.account)
    assert user is not None
    assert account is not None
    return {
        ("tenant", str(at.client.tenant_id)): "tenant",
        ("client", at.client.client_id): "client",
        ("subject", str(user.subject_id)): "ann",
        ("subject", account.account_id): "robot",
        **{("token", str(at.ids[name])): name for name in ALL},
        **{
            ("authorization", str(at.ids[name])): name
            for name in ("family", "other family")
        },
    }


def test_an_entry_ends_with_the_tokens_that_it_ends(world: World) -> None:
    """Nothing is published about tokens that have expired."""
    assert revoke(world, "hers")
    (entry,) = world.verifier.read()
    assert entry.expires_at == world.verifier.cache[world.ids["hers"]].expires_at


def test_nothing_is_published_of_what_has_expired(world: World, clock: Clock) -> None:
    clock.advance(HOUR + timedelta(days=2))
    assert revoke(world, "hers")
    world.by_hand("delete from authority.authorizations where id = %s", "family")
    assert world.store.consents.revoke(**world.consent, reason="withdrawn")
    assert world.store.tokens.prune_expired() > 0
    assert world.verifier.read() == []
