"""Hydra and Kratos: what becomes of each field, and files that are refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from authority_queries import Keyring, verify_client_secret, verify_password
from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.documents import Document, derive_id
from authority_queries.importing.entries import (
    ClientEntry,
    ClientRegistrationEntry,
    ClientSecretEntry,
    TotpCredentialEntry,
    UserEntry,
    UserIdentityEntry,
    WebauthnCredentialEntry,
)
from authority_queries.secrets.encryption import Encrypted
from tests.importing.sources import ory
from tests.importing.sources.accounting import (
    by_id,
    documents,
    of,
    opened,
    reasons,
    unaccounted,
    write_json,
    write_lines,
)

pytestmark = pytest.mark.one_version
KEYRING: Final = Keyring(current="k", keys={"k": bytes(32)})


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    path = tmp_path_factory.mktemp("hydra") / "clients.json"
    write_json(path, {"items": ory.CLIENTS, "next_page_token": ""})
    return documents(opened("hydra", path, tenant="acme"))["clients"]


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    path = tmp_path_factory.mktemp("kratos") / "identities.json"
    write_json(path, ory.IDENTITIES)
    source = opened("kratos", path, tenant="acme", keyring=KEYRING)
    return documents(source)["identities"]


def test_each_field_of_a_client_is_imported_kept_or_dropped(
    clients: list[Document],
) -> None:
    changed = (
        "client_secret",
        "client_secret_expires_at",
        "scope",
        "audience",
        "created_at",
        "updated_at",
        "skip_consent",
        "authorization_code_grant_access_token_lifespan",
    )
    assert unaccounted(ory.WEB, by_id(clients, "web-of-hydra"), *changed) == set()


def test_each_field_of_an_identity_is_imported_kept_or_dropped(
    identities: list[Document],
) -> None:
    changed = ("created_at", "updated_at", "credentials")
    assert unaccounted(ory.ANN_THERE, by_id(identities, ory.ANN), *changed) == set()


def test_no_secret_is_kept_or_shown(
    clients: list[Document], identities: list[Document]
) -> None:
    every = clients + identities
    shown = repr(every) + json.dumps(
        [entry.model_dump(mode="json") for each in every for entry in each.entries]
    )
    assert "do-not-keep-this" not in shown
    assert "plain-words-4711" not in shown


def test_clients_keep_their_secrets(clients: list[Document]) -> None:
    web = by_id(clients, "web-of-hydra")
    (client,) = of(web, ClientEntry)
    assert client.permissions == ("scp:openid", "scp:orders", "aud:https://api.example")
    assert client.settings == {"tkn_lft:act": "01:00:00"}
    assert (client.consent_type, client.jwks_uri) == (
        "implicit",
        "https://shop.example/keys",
    )
    (secret,) = of(web, ClientSecretEntry)
    assert verify_client_secret(secret.secret_hash, ory.SECRET)
    assert secret.valid_until == datetime(2100, 1, 1, tzinfo=UTC)
    (shown,) = of(web, ClientRegistrationEntry)
    assert (shown.contacts, shown.tos_uri) == (("ops@shop.example",), None)
    (new,) = of(by_id(clients, "new"), ClientSecretEntry)
    assert verify_client_secret(new.secret_hash, "plain-words-4711")
    app = by_id(clients, "app")
    assert not of(app, ClientSecretEntry)
    assert "public" in reasons(app)["client_secret"]


def test_identities_keep_sub_and_password(identities: list[Document]) -> None:
    for key, name, password, status in (
        (ory.ANN, "ann@acme.example", ory.ANNS_PASSWORD, "active"),
        (ory.BEN, "ben", ory.BENS_PASSWORD, "suspended"),
    ):
        (user,) = of(by_id(identities, key), UserEntry)
        assert (user.subject_id, user.username, user.status) == (key, name, status)
        assert verify_password(user.password_hash, password)
    assert "include_credential" in reasons(identities[2])["credentials.password.config"]


def test_accounts_and_second_factors(identities: list[Document]) -> None:
    ann = by_id(identities, ory.ANN)
    assert [(each.issuer, each.subject) for each in of(ann, UserIdentityEntry)] == [
        ("https://accounts.google.com", "1234567890"),
        ("kratos:work", "w-1"),
    ]
    (passkey,) = of(ann, WebauthnCredentialEntry)
    assert passkey.user_handle == b"a user's handle"
    assert (passkey.sign_count, passkey.uv_initialized, passkey.transports) == (
        7,
        True,
        ("usb",),
    )
    (totp,) = of(ann, TotpCredentialEntry)
    sealed = Encrypted(ciphertext=totp.secret_ciphertext, key_id=totp.encryption_key_id)
    row = ("totp_credentials", derive_id("acme", "tenant", "acme"), UUID(ory.ANN))
    assert KEYRING.decrypt(sealed, bound_to=row) == ory.TOTP_SECRET
    assert "random bits" in reasons(ann)["credentials.lookup_secret"]


def test_json_lines_and_one_object_are_read(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines.json", *ory.CLIENTS)
    one = write_json(tmp_path / "one.json", ory.WEB)
    for path, count in ((lines, 3), (one, 1)):
        source = opened("hydra", path, tenant="acme")
        assert len(documents(source)["clients"]) == count
    since = opened(
        "hydra", lines, tenant="acme", since=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert [each.id for each in since.read("clients")] == ["app", "new"]


@pytest.mark.parametrize("kind", ["hydra", "kratos"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"client_id": "a", "id": "b", "traits": {}}, {"cli', "is no complete JSON"),
        ("", "is no complete JSON"),
        ('{"realm": "x"}', "is no list of"),
        ("[1]", "is no list of"),
    ],
)
def test_wrong_files_are_named(
    tmp_path: Path, kind: str, text: str, reason: str
) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=rf"^wrong\.json {reason}"):
        documents(opened(kind, path, tenant="acme"))


@pytest.mark.parametrize("kind", ["hydra", "kratos"])
def test_a_tenant_must_be_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{kind} names no tenant"):
        opened(kind, tmp_path / "any.json")
