"""One token is exchanged for another (RFC 8693), as far as the store is concerned."""

from datetime import timedelta
from typing import Any

import pytest

from authority_queries import Store
from authority_queries.errors import DuplicateError, InvalidArgumentError
from authority_queries.records import Client, TokenExchange, TokenExchangeOutcome
from authority_queries.secrets import TokenString, mint_token
from tests.clock import Clock
from tests.factories import (
    HOUR,
    MINUTE,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
)
from tests.repositories.deaths import DEATHS, live
from tests.repositories.grant_helpers import (
    Grant,
    count,
    is_alive,
    make_grant,
    redeem_code,
    token_of,
)
from tests.repositories.token_helpers import (
    THUMBPRINT,
    Dba,
    Fields,
    diagnose,
    revoke,
    verify,
)


def exchange(
    store: Store, client: Client, subject: TokenString, **fields: Any
) -> tuple[TokenString, TokenExchange]:
    minted = mint_token("access", client.tenant_id)
    defaults: Fields = {
        "tenant_id": client.tenant_id,
        "token_hash": minted.hash,
        "client_id": client.client_id,
        "subject_token_hash": subject.hash,
        "lifetime": HOUR,
    }
    return minted, store.grants.exchange(**{**defaults, **fields})


def exchanged(
    store: Store, client: Client, subject: TokenString, **fields: Any
) -> TokenString:
    minted, issued = exchange(store, client, subject, **fields)
    assert issued.outcome == "issued"
    return minted


def make_service(store: Store, grant: Grant) -> Client:
    """A client of the tenant that serves, and acts for users."""
    return make_client(store, grant.tenant_id)


def test_the_new_token_speaks_for_the_same_user(store: Store) -> None:
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
    assert (token.type, token.client_id) == ("access", service.id)
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


def test_the_actor_holds_whoever_acted_before(store: Store) -> None:
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
    # Without another actor it stays as it is.
    plain = verify(store, exchanged(store, bank, second))
    assert plain is not None
    assert plain.actor == shops


def test_an_exchanged_token_of_a_service_account_or_client_has_no_family(
    store: Store,
) -> None:
    client = make_client(store, make_tenant(store).id)
    account = make_service_account(store, client.tenant_id)
    machine, _ = make_token(store, client, service_account_id=account.id)
    itself, _ = make_token(store, client)
    for subject, account_id in ((machine, account.id), (itself, None)):
        token = token_of(store, exchanged(store, client, subject))
        assert (token.service_account_id, token.user_id) == (account_id, None)
        assert token.subject_authorization_id is None


@pytest.mark.parametrize("hops", [1, 3])
def test_it_dies_with_the_family_of_the_first_token(store: Store, hops: int) -> None:
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


def test_it_dies_with_the_consent_and_the_epochs_of_its_subject(store: Store) -> None:
    grant = make_grant(store)
    minted = exchanged(store, make_service(store, grant), grant.access)
    store.consents.narrow(**grant.of_consent, scopes=["openid"])
    assert diagnose(store, minted).dead_because == "consent_narrowed"
    fewer = make_grant(store, grant, code={"scopes": ["openid"]})
    minted = exchanged(store, make_service(store, grant), fewer.access)
    store.users.revoke_tokens(tenant_id=grant.tenant_id, user_id=grant.user.id)
    assert diagnose(store, minted).dead_because == "user_signed_out"


def test_it_dies_with_the_client_that_it_was_issued_to(store: Store) -> None:
    grant = make_grant(store)
    service = make_service(store, grant)
    before = exchanged(store, service, grant.access)
    store.clients.revoke_tokens(tenant_id=grant.tenant_id, id=service.id)
    after = exchanged(store, service, grant.access)
    assert diagnose(store, before).dead_because == "client_signed_out"
    assert is_alive(store, after)
    assert is_alive(store, grant.access)


def test_it_outlives_neither_its_subject_nor_its_lifetime(
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
def test_it_may_have_fewer_scopes(store: Store, scopes: list[str] | None) -> None:
    grant = make_grant(store)
    service = make_service(store, grant)
    minted, issued = exchange(store, service, grant.access, scopes=scopes)
    expected = ["openid", "email"] if scopes is None else scopes
    assert (issued.outcome, issued.scopes) == ("issued", expected)
    # And the next one no more than that.
    _, again = exchange(store, service, minted, scopes=["openid", "email"])
    assert again.outcome == ("issued" if scopes is None else "invalid_scope")


def refused(
    store: Store, dba: Dba, outcome: TokenExchangeOutcome, *given: Any, **fields: Any
) -> None:
    before = count(dba, "tokens")
    _, result = exchange(store, *given, **fields)
    assert result.outcome == outcome
    assert (result.token_id, result.scopes, result.expires_at) == (None,) * 3
    assert count(dba, "tokens") == before


def test_an_exchange_that_is_refused_leaves_no_row(store: Store, dba: Dba) -> None:
    grant = make_grant(store)
    service = make_service(store, grant)
    unknown: Fields = {"client_id": "nobody"}
    refused(store, dba, "client_inactive", service, grant.access, **unknown)
    for subject in (grant.refresh, grant.code, grant.mint("access")):
        refused(store, dba, "invalid_subject_token", service, subject)
    for actor in (grant.refresh, grant.code, grant.mint("access")):
        wrong: Fields = {"actor_token_hash": actor.hash}
        refused(store, dba, "invalid_actor_token", service, grant.access, **wrong)
    for scopes in (["phone"], ["openid", "phone"]):
        refused(store, dba, "invalid_scope", service, grant.access, scopes=scopes)
    dba.execute(
        "update authority.clients set enabled = false where id = %s", [service.id]
    )
    refused(store, dba, "client_inactive", service, grant.access)
    store.tenants.suspend(tenant_id=grant.tenant_id)
    refused(store, dba, "tenant_inactive", service, grant.access)


def test_the_first_refusal_is_told(store: Store, dba: Dba) -> None:
    grant = make_grant(store)
    service = make_service(store, grant)
    wrong: Fields = {
        "client_id": "nobody",
        "subject_token_hash": bytes(32),
        "actor_token_hash": bytes(32),
        "scopes": ["phone"],
    }
    outcomes: list[tuple[TokenExchangeOutcome, Fields]] = [
        ("client_inactive", {"client_id": service.client_id}),
        ("invalid_subject_token", {"subject_token_hash": grant.access.hash}),
        ("invalid_actor_token", {"actor_token_hash": None}),
        ("invalid_scope", {"scopes": ["openid"]}),
    ]
    for outcome, right in outcomes:
        refused(store, dba, outcome, service, grant.access, **wrong)
        wrong |= right
    assert exchange(store, service, grant.access, **wrong)[1].outcome == "issued"


@pytest.mark.parametrize("name", DEATHS)
def test_no_dead_token_is_exchanged_or_acts(
    store: Store, dba: Dba, clock: Clock, name: str
) -> None:
    at = live(store, dba, clock, is_account=DEATHS[name].is_accounts)
    service = make_client(store, at.tenant_id)
    living, token = make_token(store, service, lifetime=24 * HOUR)
    DEATHS[name].die(at)
    dead = at.minted["access"]
    if not DEATHS[name].reason.startswith("tenant_"):
        assert is_alive(store, living)
        actor: Fields = {"actor_token_hash": dead.hash}
        refused(store, dba, "invalid_actor_token", service, living, **actor)
        refused(store, dba, "invalid_subject_token", service, dead)
        revoke(store, token)
    refused(
        store,
        dba,
        "tenant_inactive"
        if DEATHS[name].reason == "tenant_inactive"
        else "invalid_subject_token",
        service,
        dead,
    )


def test_a_token_of_another_tenant_is_unknown(store: Store, dba: Dba) -> None:
    grant, theirs = make_grant(store), make_grant(store)
    service = make_service(store, grant)
    refused(store, dba, "invalid_subject_token", service, theirs.access)
    actor: Fields = {"actor_token_hash": theirs.access.hash}
    refused(store, dba, "invalid_actor_token", service, grant.access, **actor)


def test_what_is_exchanged_stays_alive(store: Store) -> None:
    grant = make_grant(store)
    minted = exchanged(store, make_service(store, grant), grant.access)
    revoke(store, token_of(store, minted))
    assert is_alive(store, grant.access)


def test_it_is_pruned_with_the_family_of_its_subject(
    store: Store, clock: Clock, dba: Dba
) -> None:
    grant = make_grant(store, redemption={"refresh_token": None})
    exchanged(store, make_service(store, grant), grant.access)
    clock.advance(3 * 24 * HOUR)
    assert store.authorizations.prune_expired() == 1
    assert count(dba, "tokens") == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"token_hash": b"raw"}, "token_hash is no digest"),
        ({"subject_token_hash": b"raw"}, "subject_token_hash is no digest"),
        ({"actor_token_hash": b"raw"}, "actor_token_hash is no digest"),
        ({"lifetime": timedelta(0)}, "lifetime is 0"),
    ],
)
def test_an_argument_of_another_shape_is_refused(
    store: Store, wrong: Fields, message: str
) -> None:
    grant = make_grant(store)
    with pytest.raises(InvalidArgumentError, match=message):
        exchange(store, grant.client, grant.access, **wrong)
    with pytest.raises(DuplicateError, match="tokens_tenant_id_token_hash_key"):
        exchange(store, grant.client, grant.access, token_hash=grant.access.hash)
