"""Token exchange in the store (RFC 8693)."""

import pytest

from authority_queries import Store
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    MINUTE,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
)
from tests.repositories.exchange_helpers import (
    exchange,
    exchanged,
    make_service,
)
from tests.repositories.grant_helpers import (
    count,
    is_alive,
    make_grant,
    redeem_code,
    token_of,
)
from tests.repositories.token_helpers import (
    THUMBPRINT,
    Dba,
    diagnose,
    revoke,
    verify,
)


def test_the_new_token_has_the_same_user(store: Store) -> None:
    grant = make_grant(store)
    service = make_service(store, grant)
    minted, issued = exchange(
        store,
        service,
        grant.access,
        cnf_jkt=THUMBPRINT,
        cnf_x5t_s256="B" * 43,
        payload=b"sealed",
        properties={"hop": 1},
    )
    token, subject = token_of(store, minted), token_of(store, grant.access)
    assert (issued.outcome, issued.token_id) == ("issued", token.id)
    assert (issued.scopes, issued.expires_at) == (token.scopes, token.expires_at)
    assert (token.type, token.client_uuid) == ("access", service.id)
    assert (token.authorization_id, token.subject_authorization_id) == (
        None,
        grant.family_id,
    )
    assert (token.user_id, token.scopes) == (grant.user.id, ["openid", "email"])
    assert token.authenticated_at == subject.authenticated_at
    assert (token.cnf_jkt, token.cnf_x5t_s256) == (THUMBPRINT, "B" * 43)
    assert (token.payload, token.properties) == (b"sealed", {"hop": 1})
    found = verify(store, minted)
    assert found is not None
    assert (found.client_id, found.username) == (
        service.client_id,
        grant.user.username,
    )
    assert (found.subject_id, found.actor) == (grant.user.subject_id, None)


def test_the_actor_contains_earlier_actors(store: Store) -> None:
    grant = make_grant(store)
    tenant_id = grant.tenant_id
    account = make_service_account(store, tenant_id)
    robot, shop, bank = (make_client(store, tenant_id) for _ in range(3))
    of_robot, _ = make_token(store, robot, service_account_id=account.id)
    of_shop, _ = make_token(store, shop)
    of_user = make_grant(store, grant)
    first = exchanged(store, robot, grant.access, actor_token_hash=of_robot.hash)
    second = exchanged(store, shop, first, actor_token_hash=of_shop.hash)
    third = exchanged(store, bank, second, actor_token_hash=of_user.access.hash)
    robots = {"sub": account.account_id, "client_id": robot.client_id}
    shops = {"sub": shop.client_id, "client_id": shop.client_id, "act": robots}
    users = {
        "sub": str(grant.user.subject_id),
        "client_id": grant.client.client_id,
        "act": shops,
    }
    for minted, actor in ((first, robots), (second, shops), (third, users)):
        found = verify(store, minted)
        assert found is not None
        assert found.actor == actor
        assert found.user_id == grant.user.id
    # Without an actor token the actor stays the same.
    plain = verify(store, exchanged(store, bank, second))
    assert plain is not None
    assert plain.actor == shops


def test_an_exchanged_token_of_a_service_account_has_no_family(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    account = make_service_account(store, client.tenant_id)
    machine, _ = make_token(store, client, service_account_id=account.id)
    token = token_of(store, exchanged(store, client, machine))
    assert (token.service_account_id, token.user_id) == (account.id, None)
    assert token.subject_authorization_id is None


def test_a_clients_own_token_is_not_exchanged(
    store: Store,
) -> None:
    """The new token would belong to the other client."""
    client = make_client(store, make_tenant(store).id)
    itself, _ = make_token(store, client)
    service = make_client(store, client.tenant_id)
    _, refused = exchange(store, service, itself)
    assert refused.outcome == "invalid_subject_token"


@pytest.mark.parametrize("hops", [1, 3])
def test_the_new_token_dies_with_the_family_of_the_first_token(
    store: Store, hops: int
) -> None:
    grant = make_grant(store)
    bystander = make_grant(store, grant)
    minted, other = grant.access, bystander.access
    for _ in range(hops):
        service = make_service(store, grant)
        minted = exchanged(store, service, minted)
        other = exchanged(store, service, other)
    assert is_alive(store, minted)
    redeem_code(store, grant, grant.code)  # reused
    assert diagnose(store, minted).dead_because == "authorization_revoked"
    assert verify(store, minted) is None
    assert is_alive(store, other)


def test_the_new_token_dies_with_the_consent_and_the_epochs_of_its_subject(
    store: Store,
) -> None:
    grant = make_grant(store)
    minted = exchanged(store, make_service(store, grant), grant.access)
    store.consents.narrow(**grant.of_consent, scopes=["openid"])
    assert diagnose(store, minted).dead_because == "consent_narrowed"
    fewer = make_grant(store, grant, code={"scopes": ["openid"]})
    minted = exchanged(store, make_service(store, grant), fewer.access)
    store.users.revoke_tokens(tenant_id=grant.tenant_id, user_id=grant.user.id)
    assert diagnose(store, minted).dead_because == "user_signed_out"


def test_the_new_token_dies_with_its_client(store: Store) -> None:
    grant = make_grant(store)
    service = make_service(store, grant)
    before = exchanged(store, service, grant.access)
    store.clients.revoke_tokens(tenant_id=grant.tenant_id, client_uuid=service.id)
    after = exchanged(store, service, grant.access)
    assert diagnose(store, before).dead_because == "client_signed_out"
    assert is_alive(store, after)
    assert is_alive(store, grant.access)


def test_the_new_token_expires_with_its_subject_token_or_its_lifetime(
    store: Store, clock: Clock
) -> None:
    grant = make_grant(store)
    service = make_service(store, grant)
    clock.advance(50 * MINUTE)
    end = token_of(store, grant.access).expires_at
    short = token_of(store, exchanged(store, service, grant.access, lifetime=MINUTE))
    assert short.expires_at - short.created_at == MINUTE
    long = exchanged(store, service, grant.access, lifetime=HOUR)
    assert token_of(store, long).expires_at == end
    clock.advance(10 * MINUTE)
    assert verify(store, long) is None


@pytest.mark.parametrize("scopes", [["openid"], [], None])
def test_the_new_token_may_have_fewer_scopes(
    store: Store, scopes: list[str] | None
) -> None:
    grant = make_grant(store)
    service = make_service(store, grant)
    minted, issued = exchange(store, service, grant.access, scopes=scopes)
    expected = ["openid", "email"] if scopes is None else scopes
    assert (issued.outcome, issued.scopes) == ("issued", expected)
    # The next exchange cannot widen them.
    _, again = exchange(store, service, minted, scopes=["openid", "email"])
    assert again.outcome == ("issued" if scopes is None else "invalid_scope")


def test_an_exchanged_token_stays_alive(store: Store) -> None:
    grant = make_grant(store)
    minted = exchanged(store, make_service(store, grant), grant.access)
    revoke(store, token_of(store, minted))
    assert is_alive(store, grant.access)


def test_the_new_token_is_pruned_with_the_family_of_its_subject_token(
    store: Store, clock: Clock, dba: Dba
) -> None:
    grant = make_grant(store, redemption={"refresh_token": None})
    exchanged(store, make_service(store, grant), grant.access)
    clock.advance(3 * 24 * HOUR)
    assert store.authorizations.prune_expired() == 1
    assert count(dba, "tokens") == 0
