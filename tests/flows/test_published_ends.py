"""Whatever ends a cached token is in the feed, without a word of the caller."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from authority_queries import Store
from tests.factories import HOUR
from tests.flows.cached_verifier import Dba
from tests.flows.cached_world import (
    ALL,
    FOREIGN,
    HERS,
    OF_ANN,
    OF_CLIENT,
    OF_ROBOT,
    PAYMENT,
    World,
    make_world,
    reuse,
    revoke,
    update_account,
    update_client,
    update_user,
)


@pytest.fixture
def world(store: Store, dba: Dba) -> World:
    return make_world(store, dba)


@dataclass(frozen=True, kw_only=True)
class End:
    """What ends tokens, the entries that it publishes, and the tokens.

    `cautious`: the entries end the cached copies of these, too, though they live.
    """

    act: Callable[[World], object]
    entries: list[tuple[str, str, str]]
    ended: set[str]
    cautious: frozenset[str] = frozenset()


def entry(category: str, name: str, reason: str) -> list[tuple[str, str, str]]:
    return [(category, name, reason)]


NARROWED = [
    *entry("authorization", "family", "consent_narrowed"),
    *entry("authorization", "other family", "consent_narrowed"),
]
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
        entries=NARROWED,
        ended={"hers", "traded"},
    ),
    "consents.narrow to no resource": End(
        act=lambda at: at.store.consents.narrow(**at.consent, resources=[]),
        entries=NARROWED,
        ended={"other"},
        cautious=frozenset({"traded"}),
    ),
    "consents.narrow to another detail": End(
        act=lambda at: at.store.consents.narrow(
            **at.consent, authorization_details=[{**PAYMENT, "amount": True}]
        ),
        entries=NARROWED,
        ended={"other"},
        cautious=frozenset({"traded"}),
    ),
    "sessions.end": End(
        act=lambda at: at.store.sessions.end(
            **at.tenant, session_id=at.ids["session"], reason="logout"
        ),
        entries=entry("session", "session", "logout"),
        ended=HERS,
    ),
    "a session deleted by hand": End(
        act=lambda at: at.by_hand(
            "delete from authority.sessions where id = %s", "session"
        ),
        entries=entry("session", "session", "session_deleted"),
        ended=HERS,
    ),
    "users.revoke_tokens": End(
        act=lambda at: at.store.users.revoke_tokens(**at.user),
        entries=[
            ("session", "session", "user_signed_out"),
            ("subject", "ann", "user_signed_out"),
        ],
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
    "tenants.accept_foreign_tokens at an end": End(
        act=lambda at: at.store.tenants.accept_foreign_tokens(
            **at.tenant, lifetime=None
        ),
        entries=entry("foreign_tokens", "tenant", "foreign_refused"),
        ended=FOREIGN,
    ),
    "tenants.accept_foreign_tokens for a shorter time": End(
        act=lambda at: at.store.tenants.accept_foreign_tokens(
            **at.tenant, lifetime=HOUR / 2
        ),
        entries=entry("foreign_tokens", "tenant", "foreign_refused"),
        ended=set(),
        cautious=frozenset(FOREIGN),
    ),
    "tenants.accept_foreign_tokens for a longer time": End(
        act=lambda at: at.store.tenants.accept_foreign_tokens(
            **at.tenant, lifetime=3 * HOUR
        ),
        entries=[],
        ended=set(),
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
    assert dropped.keys() == {world.ids[name] for name in end.ended | end.cautious}
    cautious = {world.ids[name] for name in end.cautious}
    assert world.verifier.cache.keys() == world.verifier.live().keys() - cautious


def _targets(at: World) -> dict[tuple[str, str], str]:
    user = at.store.users.get_by_id(**at.user)
    account = at.store.service_accounts.get_by_id(**at.account)
    assert user is not None
    assert account is not None
    session = at.store.sessions.get_by_id(**at.tenant, session_id=at.ids["session"])
    assert session is not None
    return {
        ("session", str(session.sid)): "session",
        ("tenant", str(at.client.tenant_id)): "tenant",
        ("foreign_tokens", str(at.client.tenant_id)): "tenant",
        ("client", at.client.client_id): "client",
        ("subject", str(user.subject_id)): "ann",
        ("subject", account.account_id): "robot",
        **{("token", str(at.ids[name])): name for name in ALL},
        **{
            ("authorization", str(at.ids[name])): name
            for name in ("family", "other family")
        },
    }
