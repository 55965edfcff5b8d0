"""Registrations of clients, and the token that manages them (RFC 7591, RFC 7592)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from authority_queries import Store
from authority_queries.errors import MissingReferenceError
from authority_queries.records import Client, ClientRegistration
from authority_queries.secrets import TokenString, mint_token
from tests.factories import make_client, make_tenant
from tests.refusals import refusal_of

URL = "https://app.example/client.json"
FETCHED = datetime(2026, 1, 1, tzinfo=UTC)
SHOWN = {
    "software_id": "4NRB1-0XZABZI9E6-5SM3R",
    "software_version": "2.1",
    "software_statement": "eyJ.eyJ.sig",
    "contacts": ["dev@app.example"],
    "client_uri": "https://app.example/",
    "logo_uri": "https://app.example/logo.png",
    "policy_uri": "https://app.example/privacy#short",
    "tos_uri": "https://app.example/terms",
}


def save(store: Store, client: Client, **fields: Any) -> ClientRegistration:
    return store.client_registrations.save(
        tenant_id=client.tenant_id,
        client_uuid=client.id,
        **{"source": "dynamic", **fields},
    )


def registered(store: Store, **fields: Any) -> tuple[Client, TokenString]:
    client = make_client(store, make_tenant(store).id, **fields)
    save(store, client)
    minted = mint_token("registration", client.tenant_id)
    assert store.client_registrations.set_token(
        tenant_id=client.tenant_id,
        client_uuid=client.id,
        registration_token_hash=minted.hash,
    )
    return client, minted


def presented(client: Client, token: TokenString) -> dict[str, Any]:
    return {
        "tenant_id": client.tenant_id,
        "client_id": client.client_id,
        "registration_token_hash": token.hash,
    }


def test_a_registration_is_saved_and_replaced(store: Store) -> None:
    client, token = registered(store)
    saved = save(store, client, **SHOWN)
    assert {name: getattr(saved, name) for name in SHOWN} == SHOWN
    key = {"tenant_id": client.tenant_id, "client_uuid": client.id}
    assert store.client_registrations.get(**key) == saved
    replaced = save(store, client, client_uri="https://new.example/")
    assert (replaced.software_id, replaced.contacts) == (None, [])
    assert replaced.created_at == saved.created_at
    # The token stays.
    assert store.client_registrations.find_client(**presented(client, token))
    assert store.clients.delete(**key)
    assert store.client_registrations.get(**key) is None
    with pytest.raises(MissingReferenceError):
        save(store, client)


def test_a_metadata_document_says_when_it_was_fetched(store: Store) -> None:
    client = make_client(store, make_tenant(store).id, client_id=URL)
    document: dict[str, Any] = {
        "source": "metadata_document",
        "metadata_fetched_at": FETCHED,
    }
    assert save(store, client, **document).metadata_fetched_at == FETCHED
    with refusal_of("metadata_fetched_at"):
        save(store, client, source="metadata_document")
    # Only a client that was registered dynamically has a registration access token.
    assert not store.client_registrations.set_token(
        tenant_id=client.tenant_id,
        client_uuid=client.id,
        registration_token_hash=bytes(32),
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source", "magic"),
        ("software_id", "x" * 256),
        ("contacts", ["x"] * 21),
        ("client_uri", "app.example"),
        ("logo_uri", "data:image/png;base64,AA"),
        ("policy_uri", "javascript:alert(1)"),
        ("tos_uri", "https://app.example/\n"),
    ],
)
def test_wrong_values_are_refused(store: Store, field: str, value: object) -> None:
    client = make_client(store, make_tenant(store).id)
    with refusal_of(field):
        save(store, client, **{field: value})


def test_a_token_finds_rotates_and_deletes_its_own_client(store: Store) -> None:
    client, token = registered(store)
    other, _ = registered(store)
    kept = store.client_registrations
    found = kept.find_client(**presented(client, token))
    assert found is not None
    assert (found.client_uuid, found.row_version) == (client.id, 1)
    for wrong in (
        presented(client, mint_token("registration", client.tenant_id)),
        {**presented(client, token), "client_id": other.client_id},
        presented(other, token),
    ):
        assert kept.find_client(**wrong) is None
        assert not kept.rotate_token(**wrong, new_token_hash=bytes(32))
        assert not kept.delete_client(**wrong)
    renewed = mint_token("registration", client.tenant_id)
    assert kept.rotate_token(**presented(client, token), new_token_hash=renewed.hash)
    assert kept.find_client(**presented(client, token)) is None
    assert not kept.delete_client(**presented(client, token))
    assert kept.delete_client(**presented(client, renewed))
    key = {"tenant_id": client.tenant_id, "client_uuid": client.id}
    assert store.clients.get_by_id(**key) is None


def test_a_disabled_client_or_tenant_does_not_manage_itself(store: Store) -> None:
    disabled, token = registered(store, enabled=False)
    assert store.client_registrations.find_client(**presented(disabled, token)) is None
    assert not store.client_registrations.delete_client(**presented(disabled, token))
    client, token = registered(store)
    store.tenants.suspend(tenant_id=client.tenant_id)
    assert store.client_registrations.find_client(**presented(client, token)) is None
    assert not store.client_registrations.rotate_token(
        **presented(client, token), new_token_hash=bytes(32)
    )


def test_a_null_hash_ends_the_access(store: Store) -> None:
    client, token = registered(store)
    assert store.client_registrations.set_token(
        tenant_id=client.tenant_id,
        client_uuid=client.id,
        registration_token_hash=None,
    )
    assert store.client_registrations.find_client(**presented(client, token)) is None
