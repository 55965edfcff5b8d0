from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.engine.runtime import (
    JsonObject,
)
from authority_queries.errors import (
    ConcurrencyConflictError,
    DuplicateError,
    InvalidArgumentError,
    MissingReferenceError,
    NotFoundError,
)
from authority_queries.records import (
    ClientApplicationType,
    ClientConsentType,
    ClientTokenEndpointAuthMethod,
    ClientType,
)
from tests.factories import (
    HOUR,
    make_client,
    make_client_secret,
    make_tenant,
    make_token,
)
from tests.refusals import refusal_of
from tests.repositories.paging import cursor_at
from tests.repositories.test_client_secrets import list_secrets, live_secrets

DAY = timedelta(days=1)


class Edit(TypedDict):
    client_id: str
    application_type: ClientApplicationType
    client_type: ClientType
    consent_type: ClientConsentType
    display_name: str
    display_names: JsonObject
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    backchannel_logout_uri: str | None
    backchannel_logout_session_required: bool
    frontchannel_logout_uri: str | None
    frontchannel_logout_session_required: bool
    token_endpoint_auth_method: ClientTokenEndpointAuthMethod | None
    grant_types: list[str] | None
    response_types: list[str] | None
    permissions: list[str]
    requirements: list[str]
    settings: JsonObject
    properties: JsonObject
    json_web_key_set: JsonObject | None
    jwks_uri: str | None
    metadata_valid_until: datetime | None
    enabled: bool


EDIT: Edit = {
    "client_id": "shop app ~1",
    "application_type": "native",
    "client_type": "public",
    "consent_type": "systematic",
    "display_name": "Shop",
    "display_names": {"de": "Laden"},
    "redirect_uris": ["com.example.shop:/callback", "http://127.0.0.1/{}"],
    "post_logout_redirect_uris": ["https://shop.example.org/bye"],
    "backchannel_logout_uri": "https://shop.example.org/logout?from=op",
    "backchannel_logout_session_required": True,
    "frontchannel_logout_uri": "http://127.0.0.1:8080/logout",
    "frontchannel_logout_session_required": True,
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "permissions": ["ept:token", "scp:email"],
    "requirements": ["ft:pkce"],
    "settings": {"tkn_lft:act": "00:10:00"},
    "properties": {"owner": {"team": None}},
    "json_web_key_set": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]},
    "jwks_uri": None,
    "metadata_valid_until": datetime(2999, 1, 1, tzinfo=UTC),
    "enabled": False,
}


def test_a_created_client_is_found_by_each_of_its_keys(store: Store) -> None:
    tenant_id = make_tenant(store).id
    client = store.clients.create(tenant_id=tenant_id, **EDIT)
    assert client == replace(client, tenant_id=tenant_id, row_version=1, **EDIT)
    assert store.clients.get_by_id(tenant_id=tenant_id, client_uuid=client.id) == client
    found = store.clients.get_by_client_id(
        tenant_id=tenant_id, client_id=client.client_id
    )
    assert found == client
    assert store.clients.get_by_id(tenant_id=tenant_id, client_uuid=uuid4()) is None
    nobody = store.clients.get_by_client_id(tenant_id=tenant_id, client_id="SHOP")
    assert nobody is None


def test_a_client_needs_only_a_client_id_and_a_type(store: Store) -> None:
    client = store.clients.create(
        tenant_id=make_tenant(store).id, client_id="c", client_type="confidential"
    )
    assert client == replace(
        client,
        client_id="c",
        application_type="web",
        client_type="confidential",
        consent_type="explicit",
        display_name="",
        display_names={},
        redirect_uris=[],
        post_logout_redirect_uris=[],
        backchannel_logout_uri=None,
        backchannel_logout_session_required=False,
        frontchannel_logout_uri=None,
        frontchannel_logout_session_required=False,
        permissions=[],
        requirements=[],
        settings={},
        properties={},
        json_web_key_set=None,
        enabled=True,
    )


def test_a_client_id_is_unique_in_its_tenant(store: Store) -> None:
    tenant_id = make_tenant(store).id
    make_client(store, tenant_id, client_id="shop")
    with pytest.raises(DuplicateError, match=r"clients\.create.*client_id") as caught:
        make_client(store, tenant_id, client_id="shop")
    assert caught.value.constraint == "clients_tenant_id_client_id_key"
    elsewhere = make_client(store, make_tenant(store).id, client_id="shop")
    assert elsewhere.client_id == "shop"
    with pytest.raises(MissingReferenceError) as missing:
        make_client(store, uuid4())
    assert missing.value.constraint == "clients_tenant_id_fk"


def test_a_value_out_of_range_is_refused(store: Store) -> None:
    tenant_id = make_tenant(store).id
    refused: list[tuple[str, object]] = [
        *(("client_id", bad) for bad in ("", "\u00e9", "a\n", "a\x7f", "a" * 256)),
        ("application_type", "desktop"),
        ("client_type", "secret"),
        ("consent_type", "never"),
        ("display_names", ["no object"]),
        ("redirect_uris", ["https://example.org", None]),
        ("redirect_uris", ["https://example.org"] * 2),
        ("redirect_uris", [""]),
        ("redirect_uris", ["https://example.org/" + "a" * 2048]),
        ("redirect_uris", [f"https://example.org/{n}" for n in range(101)]),
        ("post_logout_redirect_uris", [None]),
        *(
            (f"{channel}channel_logout_uri", bad)
            for channel in ("back", "front")
            for bad in (
                "",
                "/logout",
                "javascript:alert(1)",
                "https://shop.example#there",
                "https://shop.example/a b",
                "https://shop.example/" + "a" * 2048,
            )
        ),
        ("permissions", [None]),
        ("requirements", [None]),
        ("settings", ["no object"]),
        ("properties", ["no object"]),
    ]
    for field, value in refused:
        with refusal_of(field):
            make_client(store, tenant_id, **{field: value})
    assert store.clients.list(tenant_id=tenant_id).items == []
    assert make_client(store, tenant_id, client_id="a" * 255).row_version == 1


def test_a_json_web_key_set_has_keys(store: Store) -> None:
    tenant_id = make_tenant(store).id
    refused: list[object] = [{"keys": None}, {"keys": {}}, {"kty": "OKP"}, {}, [], "x"]
    for key_set in refused:
        with refusal_of("json_web_key_set"):
            make_client(store, tenant_id, json_web_key_set=key_set)


def test_pages_lead_forward_and_back(store: Store) -> None:
    tenant_id = make_tenant(store).id
    clients = [make_client(store, tenant_id, client_id=f"c{n}") for n in range(5)]
    list_ = store.clients.list
    first = list_(tenant_id=tenant_id, page_size=2)
    second = list_(tenant_id=tenant_id, after=first.next, page_size=2)
    last = list_(tenant_id=tenant_id, after=second.next, page_size=2)
    assert [*first.items, *second.items, *last.items] == clients
    assert (first.previous, last.next) == (None, None)
    assert list_(tenant_id=tenant_id, before=last.previous, page_size=2) == second
    assert list_(tenant_id=tenant_id, before=second.previous, page_size=2) == first


def test_an_update_requires_the_version_that_was_read(store: Store) -> None:
    tenant_id = make_tenant(store).id
    client = make_client(store, tenant_id)
    make_client(store, tenant_id, client_id="taken")
    keys = {"tenant_id": tenant_id, "client_uuid": client.id}
    changed = store.clients.update(row_version=1, **keys, **EDIT)
    assert changed.updated_at > client.updated_at
    assert changed == replace(
        client, updated_at=changed.updated_at, row_version=2, **EDIT
    )
    with pytest.raises(ConcurrencyConflictError, match="client is no longer"):
        store.clients.update(row_version=1, **keys, **EDIT)
    with pytest.raises(NotFoundError, match="no such client"):
        store.clients.update(
            tenant_id=tenant_id, client_uuid=uuid4(), row_version=2, **EDIT
        )
    taken: Edit = {**EDIT, "client_id": "taken"}
    with pytest.raises(DuplicateError):
        store.clients.update(row_version=2, **keys, **taken)
    assert store.clients.get_by_id(**keys) == changed
    keyless: Edit = {**EDIT, "json_web_key_set": None}
    changed = store.clients.update(row_version=2, **keys, **keyless)
    assert changed.json_web_key_set is None


def test_deleting_a_client_deletes_its_rows(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    keys = {"tenant_id": client.tenant_id, "client_uuid": client.id}
    secret = make_client_secret(store, client)
    _, token = make_token(store, client, "refresh")
    assert token.authorization_id is not None
    assert store.clients.delete(**keys)
    assert not store.clients.delete(**keys)
    assert store.clients.get_by_id(**keys) is None
    assert (
        store.client_secrets.list_by_client(
            tenant_id=client.tenant_id, client_uuid=client.id
        )
        == []
    )
    assert not store.client_secrets.delete(
        tenant_id=client.tenant_id, secret_id=secret.id
    )
    gone = store.tokens.get_by_id(tenant_id=client.tenant_id, token_id=token.id)
    assert gone is None
    family = store.authorizations.get_by_id(
        tenant_id=client.tenant_id, authorization_id=token.authorization_id
    )
    assert family is None


def test_another_tenant_cannot_reach_a_client(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    secret = make_client_secret(store, client)
    tenant_id = make_tenant(store).id
    foreign = replace(client, tenant_id=tenant_id)
    keys = {"tenant_id": tenant_id, "client_uuid": client.id}
    secret_keys = {"tenant_id": tenant_id, "secret_id": secret.id}
    assert store.clients.get_by_id(**keys) is None
    found = store.clients.get_by_client_id(
        tenant_id=tenant_id, client_id=client.client_id
    )
    assert found is None
    assert store.clients.list(tenant_id=tenant_id).items == []
    beyond = cursor_at("~", "clients.list")
    assert store.clients.list(tenant_id=tenant_id, before=beyond).items == []
    assert list_secrets(store, foreign) == live_secrets(store, foreign) == []
    with pytest.raises(NotFoundError):
        store.clients.update(row_version=1, **keys, **EDIT)
    assert not store.client_secrets.record_use(**secret_keys)
    assert store.client_secrets.expire(lifetime=HOUR, **secret_keys) is None
    assert not store.client_secrets.delete(**secret_keys)
    assert not store.clients.delete(**keys)
    own = store.clients.get_by_id(tenant_id=client.tenant_id, client_uuid=client.id)
    assert own == client
    assert live_secrets(store, client) == [secret]


def test_a_string_is_not_accepted_as_a_list_of_strings(store: Store) -> None:
    tenant = make_tenant(store)
    with pytest.raises(InvalidArgumentError, match="redirect_uris must be a sequence"):
        make_client(store, tenant.id, redirect_uris="https://a.example")
