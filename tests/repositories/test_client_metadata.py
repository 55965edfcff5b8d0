"""What the statements decide from a client's registered metadata (RFC 7591)."""

from typing import Any

import pytest

from authority_queries import Store
from authority_queries.records import Client
from authority_queries.secrets import hash_user_code, mint_token, mint_user_code
from authority_queries.testing import Clock
from tests.factories import HOUR, make_client, make_client_secret, make_tenant
from tests.refusals import refusal_of
from tests.repositories.exchange_helpers import exchange
from tests.repositories.grant_helpers import (
    issue_code,
    make_code,
    make_grant,
    make_party,
    redeem_code,
    refresh,
)
from tests.repositories.test_client_credentials import issue
from tests.repositories.token_helpers import sign_in

CODE, REFRESH = "authorization_code", "refresh_token"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def with_grants(store: Store, client: Client, *grant_types: str) -> None:
    """Change the client's grants after it was granted something."""
    read: dict[str, Any] = {key: getattr(client, key) for key in client.__slots__}
    for key in ("created_at", "updated_at", "tokens_valid_after"):
        del read[key]
    read["client_uuid"] = read.pop("id")
    store.clients.update(**{**read, "grant_types": grant_types})


def request_device(store: Store, client: Client) -> str:
    tenant_id = client.tenant_id
    return store.device_authorizations.create(
        tenant_id=tenant_id,
        client_id=client.client_id,
        device_code_hash=mint_token("device_code", tenant_id).hash,
        user_code_hash=hash_user_code(tenant_id, mint_user_code()),
    ).outcome


@pytest.mark.parametrize(
    ("metadata", "outcome"),
    [
        ({}, "issued"),
        ({"grant_types": [CODE], "response_types": ["code"]}, "issued"),
        ({"grant_types": [REFRESH]}, "grant_not_allowed"),
        ({"grant_types": []}, "grant_not_allowed"),
        ({"response_types": ["id_token"]}, "grant_not_allowed"),
    ],
)
def test_a_code_needs_its_grant_and_response_type(
    store: Store, metadata: dict[str, Any], outcome: str
) -> None:
    party = make_party(store, **metadata)
    assert issue_code(store, party)[1].outcome == outcome
    # Nobody is redirected to a URI that is not registered.
    foreign = issue_code(store, party, redirect_uri="https://evil.example/")[1]
    assert foreign.outcome == "redirect_uri_not_registered"


@pytest.mark.parametrize(
    ("grant_types", "outcome"),
    [
        (None, "issued"),
        (["client_credentials"], "issued"),
        ([CODE], "grant_not_allowed"),
    ],
)
def test_client_credentials_need_their_grant_type(
    store: Store, grant_types: list[str] | None, outcome: str
) -> None:
    client = make_client(store, make_tenant(store).id, grant_types=grant_types)
    assert issue(store, client)[1].outcome == outcome


@pytest.mark.parametrize(
    ("grant_types", "outcome"),
    [(None, "created"), ([DEVICE], "created"), ([CODE], "grant_not_allowed")],
)
def test_a_device_needs_its_grant_type(
    store: Store, grant_types: list[str] | None, outcome: str
) -> None:
    client = make_client(store, make_tenant(store).id, grant_types=grant_types)
    assert request_device(store, client) == outcome


@pytest.mark.parametrize(
    ("grant_types", "outcome"),
    [(None, "issued"), ([EXCHANGE], "issued"), ([CODE], "grant_not_allowed")],
)
def test_an_exchange_needs_its_grant_type(
    store: Store, grant_types: list[str] | None, outcome: str
) -> None:
    at = sign_in(store)
    service = make_client(store, at.tenant_id, grant_types=grant_types)
    assert exchange(store, service, at.minted)[1].outcome == outcome


def test_without_the_grant_type_no_refresh_token_is_issued(store: Store) -> None:
    party = make_party(store, grant_types=[CODE])
    redeemed = redeem_code(store, party, make_code(store, party))
    assert redeemed.outcome == "redeemed"
    assert redeemed.access_token_id is not None
    assert (redeemed.refresh_token_id, redeemed.refresh_expires_at) == (None, None)


def test_a_grant_type_that_is_removed_ends_its_use(store: Store) -> None:
    grant = make_grant(store)
    with_grants(store, grant.client, CODE)
    refused = refresh(store, grant, grant.refresh)
    assert refused.outcome == "grant_not_allowed"
    assert refused.access_token_id is None
    party = make_party(store)
    code = make_code(store, party)
    with_grants(store, party.client, REFRESH)
    assert redeem_code(store, party, code).outcome == "grant_not_allowed"


def test_an_expired_metadata_document_must_be_fetched_again(
    store: Store, clock: Clock
) -> None:
    fetched = make_tenant(store).created_at
    party = make_party(store, metadata_valid_until=fetched + HOUR)
    grant = make_grant(store, party)
    assert request_device(store, party.client) == "created"
    clock.advance(HOUR)
    assert issue_code(store, party)[1].outcome == "client_metadata_expired"
    assert request_device(store, party.client) == "client_metadata_expired"
    # What was granted before goes on.
    assert refresh(store, grant, grant.refresh).outcome == "redeemed"


@pytest.mark.parametrize(
    ("method", "is_live"),
    [
        (None, True),
        ("client_secret_basic", True),
        ("client_secret_post", True),
        ("private_key_jwt", False),
        ("tls_client_auth", False),
    ],
)
def test_only_a_client_that_authenticates_by_secret_has_live_ones(
    store: Store, *, method: str | None, is_live: bool
) -> None:
    client = make_client(
        store, make_tenant(store).id, token_endpoint_auth_method=method
    )
    make_client_secret(store, client)
    live = store.client_secrets.list_live(
        tenant_id=client.tenant_id, client_id=client.client_id
    )
    assert bool(live) is is_live


@pytest.mark.parametrize(
    ("argument", "metadata"),
    [
        ("token_endpoint_auth_method", {"token_endpoint_auth_method": "none"}),
        ("token_endpoint_auth_method", {"token_endpoint_auth_method": "magic"}),
        (
            "token_endpoint_auth_method",
            {"client_type": "public", "token_endpoint_auth_method": "tls_client_auth"},
        ),
        ("permissions", {"permissions": ["ept:token", "gt:authorization_code"]}),
        ("permissions", {"permissions": ["rst:code"]}),
        ("grant_types", {"grant_types": [None]}),
        ("response_types", {"response_types": ["x"] * 51}),
        ("jwks_uri", {"jwks_uri": "javascript:alert(1)"}),
        (
            "jwks_uri",
            {"jwks_uri": "https://a.example/", "json_web_key_set": {"keys": []}},
        ),
    ],
)
def test_metadata_that_contradicts_itself_is_refused(
    store: Store, argument: str, metadata: dict[str, Any]
) -> None:
    with refusal_of(argument):
        make_client(store, make_tenant(store).id, **metadata)
