"""Keycloak: what becomes of each field of a realm, and files that are refused."""

import json
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from pydantic import JsonValue

from authority_queries import Keyring, TotpSecret, verify_client_secret, verify_password
from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.documents import Document
from authority_queries.importing.entries import (
    ClientEntry,
    ClientSecretEntry,
    ConsentEntry,
    RoleEntry,
    ServiceAccountEntry,
    TenantEntry,
    TotpCredentialEntry,
    UserEntry,
    UserIdentityEntry,
    UserRoleEntry,
    WebauthnCredentialEntry,
)
from authority_queries.secrets.encryption import Encrypted
from tests.importing.sources import realm
from tests.importing.sources.accounting import (
    by_id,
    documents,
    of,
    opened,
    reasons,
    unaccounted,
    write_json,
)

pytestmark = pytest.mark.one_version
KEYRING: Final = Keyring(current="k", keys={"k": bytes(32)})


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Document]]:
    path = tmp_path_factory.mktemp("keycloak") / "realm.json"
    write_json(path, realm.with_users())
    return documents(opened("keycloak", path, keyring=KEYRING))


def test_each_field_is_imported_kept_or_dropped(
    read: dict[str, list[Document]],
) -> None:
    (tenant,) = read["realms"]
    rows = ("roles", "clients", "clientScopes", "notBefore", "enabled")
    assert unaccounted(realm.REALM, tenant, *rows) == set()
    client = by_id(read["clients"], "web")
    assert unaccounted(realm.WEB, client, "secret", "notBefore", *CHANGED) == set()
    ann = by_id(read["users"], realm.ANN)
    moments = ("createdTimestamp", "notBefore", "clientConsents", "credentials")
    others = ("realmRoles", "clientRoles.web", "federatedIdentities.identityProvider")
    assert unaccounted(realm.ANN_THERE, ann, "enabled", *moments, *others) == set()
    role = by_id(read["roles"], "default-roles-acme")
    listed = realm.ROLES["realm"]
    assert isinstance(listed, list)
    assert isinstance(listed[0], dict)
    assert unaccounted(listed[0], role) == set()


# Fields of the client `web` that become other values.
CHANGED: Final = (
    "redirectUris",
    "webOrigins.kept",
    "standardFlowEnabled",
    "serviceAccountsEnabled",
    "consentRequired",
    "clientAuthenticatorType",
    "protocol",
    "attributes.post.logout.redirect.uris",
    "attributes.backchannel.logout.session.required",
    "attributes.access.token.lifespan",
    "attributes.client.secret.creation.time",
    "attributes.client.secret.rotated",
    "attributes.oauth2.device.authorization.grant.enabled",
    "attributes.oidc.ciba.grant.enabled",
    "attributes.use.jwks.url",
)


def test_no_secret_is_kept_or_shown(read: dict[str, list[Document]]) -> None:
    every = [each for found in read.values() for each in found]
    shown = repr(every) + json.dumps(
        [entry.model_dump(mode="json") for each in every for entry in each.entries]
    )
    for secret in (
        realm.SECRET,
        realm.ROTATED,
        realm.PLAIN_PASSWORD,
        realm.TOTP_SECRET,
        "do-not-keep-this",
        "a-token-of-keycloak",
    ):
        assert secret not in shown


def test_the_realm_is_a_tenant(read: dict[str, list[Document]]) -> None:
    (entry,) = of(read["realms"][0], TenantEntry)
    assert (entry.id, entry.code, entry.display_name, entry.status) == (
        UUID(realm.REALM_ID),
        "acme",
        "Acme Corporation",
        "active",
    )
    assert {each.tenant for found in read.values() for each in found} == {"acme"}


def test_roles_never_become_system_roles(read: dict[str, list[Document]]) -> None:
    names = [entry.name for each in read["roles"] for entry in of(each, RoleEntry)]
    assert names[:3] == ["default-roles-acme", "reader", "imported:admin"]
    # A role whose name differs in case is another role.
    assert names[3].startswith("reader-")
    assert names[4:] == ["web:editor", "web:author"]
    assert reasons(by_id(read["roles"], "account:manage-account")).keys() == {"*"}


def test_users_get_the_roles_inside_of_roles_and_groups(
    read: dict[str, list[Document]],
) -> None:
    ann = by_id(read["users"], realm.ANN)
    roles = {each.role for each in of(ann, UserRoleEntry)}
    assert {"default-roles-acme", "reader", "web:editor", "web:author"} < roles
    assert len(roles) == 5  # and the role Reader of the group above
    bob = by_id(read["users"], realm.BOB)
    assert {each.role for each in of(bob, UserRoleEntry)} == {
        "imported:admin",
        "undeclared",
    }
    assert [each.name for each in of(bob, RoleEntry)] == ["undeclared"]


def test_passwords_of_all_kinds_verify(read: dict[str, list[Document]]) -> None:
    for key, password in (
        (realm.ANN, realm.ANNS_PASSWORD),
        (realm.BOB, realm.BOBS_PASSWORD),
        (realm.OLD, realm.OLD_PASSWORD),
        ("plain", realm.PLAIN_PASSWORD),
    ):
        (user,) = of(by_id(read["users"], key), UserEntry)
        assert verify_password(user.password_hash, password), key
        assert not verify_password(user.password_hash, f"{password}."), key


def test_a_user_keeps_sub_accounts_and_consents(
    read: dict[str, list[Document]],
) -> None:
    ann = by_id(read["users"], realm.ANN)
    (user,) = of(ann, UserEntry)
    assert (user.subject_id, user.id, user.status) == (
        realm.ANN,
        UUID(realm.ANN),
        "active",
    )
    assert user.attributes["keycloak"]["requiredActions"] == ["CONFIGURE_TOTP"]  # type: ignore[index, call-overload]
    assert [(each.issuer, each.subject) for each in of(ann, UserIdentityEntry)] == [
        ("https://work.example", "w-1"),
        ("https://accounts.google.com", "1234567890"),
        ("keycloak:other", "o-1"),
    ]
    (consent,) = of(ann, ConsentEntry)
    assert (consent.client, consent.scopes) == ("web", ("openid", "profile", "orders"))


def test_a_disabled_user_is_suspended_and_an_address_has_one_owner(
    read: dict[str, list[Document]],
) -> None:
    bob = by_id(read["users"], realm.BOB)
    (user,) = of(bob, UserEntry)
    assert (user.status, user.email_verified) == ("suspended", False)
    assert "another user" in reasons(bob)["emailVerified"]


def test_a_passkey_keeps_the_handle_of_keycloak(
    read: dict[str, list[Document]],
) -> None:
    (passkey,) = of(by_id(read["users"], realm.ANN), WebauthnCredentialEntry)
    assert passkey.credential_id == b"a credential's identifier"
    assert passkey.user_handle == realm.ANN.encode()
    assert (passkey.sign_count, passkey.discoverable, passkey.uv_initialized) == (
        7,
        True,
        True,
    )


def test_a_totp_secret_is_encrypted_for_its_user(
    read: dict[str, list[Document]],
) -> None:
    (totp,) = of(by_id(read["users"], realm.ANN), TotpCredentialEntry)
    sealed = Encrypted(ciphertext=totp.secret_ciphertext, key_id=totp.encryption_key_id)
    row = ("totp_credentials", UUID(realm.REALM_ID), UUID(realm.ANN))
    assert KEYRING.decrypt(sealed, bound_to=row) == realm.TOTP_SECRET.encode()
    assert len(TotpSecret(secret=realm.TOTP_SECRET.encode()).code(1)) == totp.digits


def test_without_a_keyring_totp_secrets_are_listed(tmp_path: Path) -> None:
    path = write_json(tmp_path / "realm.json", realm.with_users())
    ann = by_id(documents(opened("keycloak", path))["users"], realm.ANN)
    assert "keyring" in reasons(ann)["credentials.otp"]
    assert not of(ann, TotpCredentialEntry)


def test_a_client_keeps_its_secrets_and_exact_uris(
    read: dict[str, list[Document]],
) -> None:
    web = by_id(read["clients"], "web")
    (client,) = of(web, ClientEntry)
    assert client.redirect_uris == ("https://shop.example/callback", "com.shop:/cb")
    assert "wildcard" in reasons(web)["redirectUris"]
    assert client.post_logout_redirect_uris[0] == "https://shop.example/bye"
    assert len(client.post_logout_redirect_uris) == 3
    assert client.grant_types == (
        "authorization_code",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
        "refresh_token",
    )
    assert client.permissions[-3:] == (
        "scp:profile",
        "scp:orders",
        "scp:offline_access",
    )
    assert (client.requirements, client.settings) == (
        ("ft:pkce",),
        {"tkn_lft:act": "00:05:00"},
    )
    first, second = of(web, ClientSecretEntry)
    assert verify_client_secret(first.secret_hash, realm.SECRET)
    assert verify_client_secret(second.secret_hash, realm.ROTATED)
    assert second.valid_until is not None


def test_other_clients(read: dict[str, list[Document]]) -> None:
    (spa,) = of(by_id(read["clients"], "spa"), ClientEntry)
    assert (spa.client_type, spa.application_type) == ("public", "native")
    api = by_id(read["clients"], "api")
    (client,) = of(api, ClientEntry)
    assert (client.grant_types, client.response_types) == ((), ())
    assert "hides" in reasons(api)["secret"]
    assert not of(api, ClientSecretEntry)
    assert by_id(read["clients"], "wiki").refused is not None
    assert reasons(by_id(read["clients"], "account")).keys() == {"*"}


def test_a_service_account_keeps_the_sub_of_its_tokens(
    read: dict[str, list[Document]],
) -> None:
    robot = by_id(read["users"], realm.ROBOT)
    (account,) = of(robot, ServiceAccountEntry)
    assert (account.account_id, account.authorized_clients) == (realm.ROBOT, ("web",))
    assert account.allowed_scopes == ("profile", "orders", "offline_access")


def test_a_folder_of_an_export_is_read_in_order(tmp_path: Path) -> None:
    write_json(tmp_path / "acme-realm.json", realm.REALM)
    write_json(tmp_path / "beta-realm.json", {"realm": "beta"})
    for number in (0, 2, 10):
        users: list[JsonValue] = [{"username": f"u{number}", "enabled": True}]
        write_json(
            tmp_path / f"acme-users-{number}.json", {"realm": "acme", "users": users}
        )
    source = opened("keycloak", tmp_path)
    found = documents(source)
    assert [each.id for each in found["realms"]] == ["acme", "beta"]
    assert [each.id for each in found["users"]] == ["u0", "u2", "u10"]
    after = found["users"][0].position
    assert [each.id for each in source.read("users", after=after)] == ["u2", "u10"]


def test_a_file_of_all_realms_is_read(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "all.json", [realm.with_users(), {"realm": "beta", "users": []}]
    )
    found = documents(opened("keycloak", path))
    assert [each.id for each in found["realms"]] == ["acme", "beta"]
    assert len(found["users"]) == len(realm.USERS)
    one = opened("keycloak", path, tenant="beta")
    assert [each.id for each in one.read("realms")] == ["beta"]
    with pytest.raises(SourceError, match=r"all\.json has several realms"):
        opened("keycloak", path, tenant="one")
    write_json(path, [{"realm": "a b"}, {"realm": "a_b"}])
    with pytest.raises(SourceError, match=r"all\.json has realms whose names"):
        opened("keycloak", path)


def test_odd_shapes_are_refused_one_by_one(tmp_path: Path) -> None:
    users: list[JsonValue] = [
        {"id": "f:store:ann", "credentials": []},
        {"username": "ben", "credentials": {}},
        {"username": "cleo", "realmRoles": ["a\0b"]},
        {"username": "dan", "createdTimestamp": "yesterday"},
        {"username": "eve", "enabled": True},
    ]
    roles: JsonValue = {"realm": [{"name": "a\0b"}, {"description": "no name"}, 5]}
    path = write_json(
        tmp_path / "realm.json", {"realm": "acme", "users": users, "roles": roles}
    )
    found = documents(opened("keycloak", path))
    refused = [each.refused for each in found["users"]]
    assert refused[:4] == [
        "the user is of a federated store, and the export has no username",
        "credentials is no list",
        "realmRoles contains the character U+0000, which PostgreSQL cannot store",
        "createdTimestamp is no number",
    ]
    assert refused[4:] == [None]
    assert all(each.refused for each in found["roles"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (json.dumps(realm.with_users())[:-200], "is no complete JSON"),
        ("", "is no complete JSON"),
        ("user,password\n", "is no complete JSON"),
        ('{"client_id": "x"}', "names no realm"),
        ("[]", "names no realm"),
        ('{"realm": 5}', "names no realm"),
        ('{"realm": "x", "clients": [5]}', "has clients that are no objects"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=rf"^wrong\.json .*{reason}") as caught:
        documents(opened("keycloak", path))
    assert "password" not in str(caught.value)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.json cannot be read"):
        opened("keycloak", tmp_path / "nowhere.json")
    with pytest.raises(SourceError, match="has no files"):
        opened("keycloak", tmp_path)
    with pytest.raises(ConfigurationError, match="no times of changes"):
        opened("keycloak", tmp_path, since="2026-01-01T00:00:00Z")
