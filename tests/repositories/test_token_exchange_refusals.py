"""Refused exchanges, with their reasons (RFC 8693 section 2.2.2)."""

from datetime import timedelta
from typing import Any

import pytest

from authority_queries import Store
from authority_queries.errors import DuplicateError, InvalidArgumentError
from authority_queries.records import TokenExchangeOutcome
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    make_client,
    make_token,
    make_user,
)
from tests.repositories.deaths import DEATHS, live
from tests.repositories.exchange_helpers import (
    exchange,
    make_service,
)
from tests.repositories.grant_helpers import (
    count,
    is_alive,
    make_grant,
)
from tests.repositories.token_helpers import (
    Dba,
    Fields,
    revoke,
)


def refused(
    store: Store, dba: Dba, outcome: TokenExchangeOutcome, *given: Any, **fields: Any
) -> None:
    before = count(dba, "tokens")
    _, result = exchange(store, *given, **fields)
    assert result.outcome == outcome
    assert (result.token_id, result.scopes, result.expires_at) == (None,) * 3
    assert count(dba, "tokens") == before


def test_a_refused_exchange_leaves_no_row(store: Store, dba: Dba) -> None:
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


def test_the_first_reason_for_a_refusal_is_returned(store: Store, dba: Dba) -> None:
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
def test_a_dead_token_is_neither_subject_nor_actor(
    store: Store, dba: Dba, clock: Clock, name: str
) -> None:
    at = live(store, dba, clock, is_account=DEATHS[name].is_accounts)
    service = make_client(store, at.tenant_id)
    user = make_user(store, at.tenant_id)
    living, token = make_token(store, service, user_id=user.id, lifetime=24 * HOUR)
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


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"token_hash": b"raw"}, "token_hash must have 32 octets"),
        ({"subject_token_hash": b"raw"}, "subject_token_hash must have 32 octets"),
        ({"actor_token_hash": b"raw"}, "actor_token_hash must have 32 octets"),
        ({"lifetime": timedelta(0)}, "lifetime must be longer"),
    ],
)
def test_an_argument_of_the_wrong_shape_is_refused(
    store: Store, wrong: Fields, message: str
) -> None:
    grant = make_grant(store)
    with pytest.raises(InvalidArgumentError, match=message):
        exchange(store, grant.client, grant.access, **wrong)
    with pytest.raises(DuplicateError, match="tokens_tenant_id_token_hash_key"):
        exchange(store, grant.client, grant.access, token_hash=grant.access.hash)
