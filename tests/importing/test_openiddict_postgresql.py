"""OpenIddict and ASP.NET Core Identity in the tables of Entity Framework Core."""

import hashlib
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from authority_queries import verify_client_secret, verify_password
from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.documents import Document, Dropped, Source
from authority_queries.importing.sources import (
    SourceOptions,
    open_source,
    openiddict_postgresql,
)
from authority_queries.importing.sources.fields import Fields, document_of
from authority_queries.importing.sources.openiddict import NEVER, consent_id
from authority_queries.secrets import tag_foreign_hash
from tests.importing import entity_framework as ef

pytestmark = pytest.mark.one_version


def opened(conninfo: str, **options: Any) -> Source:
    return open_source(
        "openiddict-postgresql",
        SourceOptions(location=SecretStr(conninfo), **{"tenant": "acme", **options}),
    )


@pytest.fixture(scope="module")
def documents(all_databases: Any, empty: str) -> Iterator[dict[str, list[Document]]]:
    """All documents by collection, from tables with a value in each column."""
    with all_databases.copy_of(empty) as conninfo:
        ef.fill(conninfo, ef.rows())
        yield read_all(opened(conninfo))


def read_all(source: Source) -> dict[str, list[Document]]:
    try:
        return {
            each.name: list(source.read(each.name)) for each in source.collections()
        }
    finally:
        source.close()


def entries(documents: list[Document], kind: str) -> list[Any]:
    return [
        entry
        for document in documents
        for entry in document.entries
        if entry.kind == kind
    ]


def test_collections_follow_those_that_they_refer_to(
    documents: dict[str, list[Document]],
) -> None:
    assert list(documents) == [
        "OpenIddictScopes",
        "OpenIddictApplications",
        "AspNetRoles",
        "AspNetUsers",
        "OpenIddictAuthorizations (consents)",
        "OpenIddictAuthorizations",
        "OpenIddictTokens",
    ]
    refused = [each for found in documents.values() for each in found if each.refused]
    assert refused == []


def test_an_application_becomes_a_client_with_its_secret(
    documents: dict[str, list[Document]],
) -> None:
    [portal, tv] = entries(documents["OpenIddictApplications"], "client")
    assert portal.id == UUID(ef.APPLICATION)
    assert portal.client_id == "portal"
    assert portal.client_type == "confidential"
    assert portal.consent_type == "implicit"
    assert portal.grant_types == ("authorization_code",)
    assert portal.response_types == ("code",)
    assert portal.permissions == ("ept:token", "scp:email")
    assert portal.redirect_uris == ("https://portal.example/in",)
    assert portal.post_logout_redirect_uris == ("https://portal.example/out",)
    assert portal.requirements == ("ft:pkce",)
    assert portal.settings == {"tkn_lft:act": "00:10:00"}
    assert portal.properties == {"team": "web"}
    assert portal.display_names == {"de": "Pforte"}
    assert portal.json_web_key_set == {"keys": []}
    assert (tv.client_type, tv.token_endpoint_auth_method) == ("public", "none")
    [secret] = entries(documents["OpenIddictApplications"], "client_secret")
    assert secret.client == "portal"
    assert verify_client_secret(secret.secret_hash, "swordfish")
    assert not verify_client_secret(secret.secret_hash, "sword")


def test_a_scope_keeps_resources_that_are_no_uris_in_its_properties(
    documents: dict[str, list[Document]],
) -> None:
    [scope] = entries(documents["OpenIddictScopes"], "scope")
    assert scope.resources == ("https://api.example",)
    assert scope.properties == {"resources": ["invoice_api"], "tier": 1}
    assert scope.descriptions == {"de": "Liest Rechnungen"}


def test_a_user_keeps_sub_password_roles_logins_and_passkeys(
    documents: dict[str, list[Document]],
) -> None:
    ann, bob = documents["AspNetUsers"]
    [user] = entries([ann], "user")
    assert (user.id, user.subject_id) == (UUID(ef.ANN), ef.ANN)
    assert verify_password(user.password_hash, ef.PASSWORD)
    assert (user.email, user.email_verified) == ("ann@example.com", True)
    assert user.display_name == "Ann Lee"
    assert user.status == "active"  # a lockout of minutes
    assert user.attributes == {
        "Company": "Acme",
        "phone_number": "+49 30 1",
        "phone_number_verified": True,
        "two_factor_enabled": True,
        "claims": {"department": ["sales"], "name": ["Ann Lee"]},
    }
    roles = [entry.role for entry in entries([ann], "user_role")]
    assert sorted(roles) == ["imported:admin", "power-user"]
    [identity] = entries([ann], "user_identity")
    assert (identity.issuer, identity.subject) == ("Google", "1122")
    [passkey] = entries([ann], "webauthn_credential")
    assert passkey.credential_id == bytes(range(20))
    assert passkey.public_key == b"cose key"
    assert passkey.user_handle == ef.ANN.encode()
    assert passkey.aaguid == UUID(bytes=bytes(range(16)))
    assert (passkey.sign_count, passkey.uv_initialized) == (7, True)
    assert entries([bob], "user")[0].status == "suspended"  # locked out for ever


def test_roles_of_the_application_are_not_those_of_the_authority(
    documents: dict[str, list[Document]],
) -> None:
    found = entries(documents["AspNetRoles"], "role")
    assert [(role.name, role.description) for role in found] == [
        ("imported:admin", "Admin"),
        ("power-user", "Power User"),
    ]


def test_permanent_authorizations_become_one_consent(
    documents: dict[str, list[Document]],
) -> None:
    [consent] = entries(documents["OpenIddictAuthorizations (consents)"], "consent")
    assert consent.id == consent_id("acme", user=ef.ANN, client="portal")
    assert consent.scopes == ("openid", "offline_access", "email")
    assert (consent.created_at, consent.updated_at) == (ef.MADE, ef.NOW)


def test_an_authorization_with_reference_tokens_becomes_a_family(
    documents: dict[str, list[Document]],
) -> None:
    found = documents["OpenIddictAuthorizations"]
    [family] = entries(found, "authorization")
    assert family.id == UUID(ef.AD_HOC)
    assert (family.user, family.client, family.consent) == (ef.ANN, "portal", None)
    assert family.tokens_expire_at == ef.SOON
    assert family.properties == {"device": "phone"}
    reason = "an authorization without live reference tokens has no family"
    skipped = [document for document in found if not document.entries]
    assert [each.dropped for each in skipped] == [
        (Dropped(field="*", reason=reason),)
    ] * 2


def test_reference_tokens_keep_hash_family_status_and_payload(
    documents: dict[str, list[Document]],
) -> None:
    tokens = entries(documents["OpenIddictTokens"], "token")
    by_hash = {token.token_hash: token for token in tokens}

    def token_of(string: str) -> Any:
        return by_hash[tag_foreign_hash(hashlib.sha256(string.encode()).digest())]

    refresh, access = token_of(ef.REFRESH_STRING), token_of(ef.ACCESS_STRING)
    assert (refresh.id, refresh.type) == (UUID(ef.REFRESH), "refresh")
    assert refresh.authorization == UUID(ef.AD_HOC)
    assert refresh.scopes == ("openid", "offline_access")  # of its authorization
    assert refresh.payload == b"eyJhbGciOiJSU0EtT0FFUCJ9.encrypted.with.five.parts"
    assert refresh.properties == {"note": "kept"}
    assert (access.type, access.scopes) == ("access", ("openid",))  # of its payload
    assert (access.created_at, access.expires_at) == (ef.MADE, ef.SOON)
    assert token_of("redeemed").redeemed_at == ef.NOW
    alone = token_of("alone")
    assert (alone.revoked_at, alone.expires_at) == (ef.MADE, NEVER)
    assert alone.revocation_reason == "revoked in OpenIddict"
    [family] = entries(documents["OpenIddictTokens"], "authorization")
    assert alone.authorization == family.id
    of_client = token_of("of the client")
    assert (of_client.user, of_client.client) == (None, "portal")


def test_tokens_without_a_place_are_listed_with_a_reason(
    documents: dict[str, list[Document]],
) -> None:
    reasons = {
        document.id: [each.reason for each in document.dropped]
        for document in documents["OpenIddictTokens"]
        if not document.entries
    }
    assert reasons == {
        "x1": ["a self-contained token is verified by its signature, not by a store"],
        "x2": ["the token has expired"],
        "x3": ["codes live for minutes, and only their payload has what they require"],
    }


# Columns that name a row: related rows are found by them.
_KEYS = {
    "claims.RoleId",
    "ApplicationId",
    "applicationid",
    "claims.UserId",
    "logins.UserId",
    "tokens.UserId",
    "passkeys.UserId",
}
# Columns whose values decide what another column means.
_DECIDING = {"LockoutEnabled", "tokens.LoginProvider"}


def test_each_column_is_imported_kept_or_dropped(
    blank_conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ef.fill(blank_conninfo, ef.rows())
    seen, names = set[str](), set[str]()

    def spy(fields: Fields, convert: Any, **rest: Any) -> Document:
        whole = document_of(deepcopy(fields), convert, **rest)
        for name, less in without_each(fields):
            names.add(name)
            if document_of(less, convert, **rest) != whole:
                seen.add(name)
        return whole

    monkeypatch.setattr(openiddict_postgresql, "document_of", spy)
    read_all(opened(blank_conninfo))
    assert names - seen == _KEYS | _DECIDING
    with psycopg.connect(blank_conninfo) as connection:
        columns = connection.execute(
            "select attname from pg_attribute where attnum > 0 and attrelid = any("
            "array(select oid from pg_class where relkind = 'r' and relname ~ '^[AO]'))"
        ).fetchall()
    last_names = {name.rpartition(".")[2] for name in names}
    assert {name for (name,) in columns} - last_names == set()


def without_each(fields: Fields) -> Iterator[tuple[str, Fields]]:
    """Yield the fields without one, for each, also for each in a list."""
    for key, (name, value) in fields._values.items():
        less = deepcopy(fields)
        del less._values[key]
        yield name, less
        for at, part in enumerate(value if isinstance(value, list) else ()):
            for inner in part if isinstance(part, dict) else ():
                less = deepcopy(fields)
                parts: Any = less._values[key][1]
                del parts[at][inner]
                yield f"{name}.{inner}", less


def test_names_in_snake_case_keys_of_uuid_and_older_columns_are_found(
    blank_conninfo: str,
) -> None:
    tables = ef.rows()
    for row in tables["OpenIddictApplications"]:
        row.pop("Settings", None)
    ef.fill(blank_conninfo, tables, snake=True, keys="uuid")
    with psycopg.connect(blank_conninfo) as connection:
        connection.execute(
            "alter table open_iddict_applications rename column client_type to type;"
            "alter table open_iddict_applications drop column settings;"
            "alter table open_iddict_applications drop column application_type;"
            'alter table asp_net_user_roles rename column user_id to "UserId";'
        )
    found = read_all(opened(blank_conninfo))
    [portal, tv] = entries(found["open_iddict_applications"], "client")
    assert (portal.client_type, tv.client_type) == ("confidential", "public")
    assert (portal.application_type, portal.settings) == ("web", {})
    ann, _ = entries(found["asp_net_users"], "user")
    assert ann.id == UUID(ef.ANN)
    assert len(entries(found["open_iddict_tokens"], "token")) == 5


def test_reading_goes_on_after_a_position(blank_conninfo: str) -> None:
    ef.fill(blank_conninfo, ef.rows())
    source = opened(blank_conninfo)
    try:
        for collection in source.collections():
            whole = list(source.read(collection.name))
            for at, document in enumerate(whole):
                rest = list(source.read(collection.name, after=document.position))
                assert rest == whole[at + 1 :]
    finally:
        source.close()


def test_all_collections_are_of_one_moment(blank_conninfo: str) -> None:
    ef.fill(blank_conninfo, ef.rows())
    source = opened(blank_conninfo)
    with psycopg.connect(blank_conninfo) as connection:
        connection.execute('delete from "OpenIddictTokens"')
    assert len(list(source.read("OpenIddictTokens"))) == 8
    source.close()


def test_a_database_without_the_tables_is_refused_by_what_was_looked_for(
    blank_conninfo: str,
) -> None:
    with pytest.raises(SourceError, match=r"OpenIddictApplications nor .* AspNetUsers"):
        opened(blank_conninfo)


def test_no_message_has_the_password_of_the_location(server: Any) -> None:
    broken = (
        f"postgresql://ann:swordfish@{server.host.replace('/', '%2F')}:1/nowhere",
        "postgresql://ann:sword fish@host/database?nonsense=swordfish",
        "host=localhost password='swordfish",
    )
    for location in broken:
        with pytest.raises(SourceError) as error:
            opened(location)
        assert "swordfish" not in str(error.value)
        assert error.value.__cause__ is None


def test_a_tenant_is_needed_and_since_is_refused(conninfo: str) -> None:
    with pytest.raises(ConfigurationError, match="--tenant"):
        opened(conninfo, tenant=None)
    with pytest.raises(ConfigurationError, match="--since"):
        opened(conninfo, since=ef.NOW)
