"""OpenIddict and ASP.NET Core Identity in the tables of Entity Framework Core."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Literal
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from authority_queries import (
    Authority,
    Importer,
    ImportOptions,
    ImportSummary,
    verify_client_secret,
    verify_password,
)
from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.comparing import CompareOptions, Comparer
from authority_queries.importing.documents import Document, Dropped, Source
from authority_queries.importing.sources import (
    SourceOptions,
    open_source,
)
from authority_queries.importing.sources.openiddict import NEVER, consent_id
from authority_queries.importing.sources.openiddict_postgresql import grants
from authority_queries.importing.sources.tables import source as tables_source
from authority_queries.secrets import tag_foreign_hash
from authority_queries.secrets.encryption import Encrypted, Keyring
from tests.importing import entity_framework as ef
from tests.importing.accounting import Accounting, entries, read_all
from tests.operations.moving import Place

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
    assert identity.issuer == "https://accounts.google.com"
    assert identity.subject == "1122"
    assert identity.profile == {
        "login_provider": "Google",
        "provider_display_name": "Google account",
    }
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
    assert consent.properties == {"device": "phone", "browser": "fox"}


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
    accounting = Accounting(monkeypatch, grants, tables_source)
    read_all(opened(blank_conninfo))
    assert accounting.unseen == _KEYS | _DECIDING
    with psycopg.connect(blank_conninfo) as connection:
        columns = connection.execute(
            "select attname from pg_attribute where attnum > 0 and attrelid = any("
            "array(select oid from pg_class where relkind = 'r' and relname ~ '^[AO]'))"
        ).fetchall()
    last_names = {name.rpartition(".")[2] for name in accounting.names}
    assert {name for (name,) in columns} - last_names == set()


def test_a_totp_secret_is_encrypted_for_its_user(blank_conninfo: str) -> None:
    ef.fill(blank_conninfo, ef.rows())
    keyring = Keyring(current="k1", keys={"k1": bytes(32)})
    tenant_id = uuid4()
    found = read_all(opened(blank_conninfo, keyring=keyring, tenant_id=tenant_id))
    [totp] = entries(found["AspNetUsers"], "totp_credential")
    sealed = Encrypted(ciphertext=totp.secret_ciphertext, key_id=totp.encryption_key_id)
    bound_to = ("totp_credentials", tenant_id, UUID(ef.ANN))
    secret = keyring.decrypt(sealed, bound_to=bound_to)
    assert base64.b32encode(secret).decode() == ef.AUTHENTICATOR_KEY


def test_secrets_of_the_application_are_not_kept(blank_conninfo: str) -> None:
    ef.fill(blank_conninfo, ef.rows())
    with psycopg.connect(blank_conninfo) as connection:
        connection.execute(
            'alter table "AspNetUsers" add column "ApiSecret" text default \'x\''
        )
    ann, _ = read_all(opened(blank_conninfo))["AspNetUsers"]
    assert Dropped(field="ApiSecret", reason="may be a secret") in ann.dropped
    assert "ApiSecret" not in entries([ann], "user")[0].attributes


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


def test_a_lost_connection_and_a_missing_privilege_are_named(
    blank_conninfo: str,
) -> None:
    ef.fill(blank_conninfo, ef.rows())
    with (
        psycopg.connect(blank_conninfo, autocommit=True) as dba,
        closing(opened(blank_conninfo)) as source,
    ):
        assert next(source.read("OpenIddictTokens"))
        dba.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'authority-import'"
        )
        with pytest.raises(SourceError, match="cannot be read: terminating"):
            list(source.read("OpenIddictScopes"))
    location = make_conninfo(blank_conninfo, options="-c role=pg_monitor")
    with (
        pytest.raises(SourceError, match="permission denied for table AspNetUsers"),
        closing(opened(location)) as source,
    ):
        list(source.read("AspNetUsers"))


def test_a_tenant_is_needed_and_since_is_refused(conninfo: str) -> None:
    with pytest.raises(ConfigurationError, match="--tenant"):
        opened(conninfo, tenant=None)
    with pytest.raises(ConfigurationError, match="--since"):
        opened(conninfo, since=ef.NOW)


def test_an_imported_user_signs_in_and_imported_tokens_verify(
    blank_conninfo: str, home: Place
) -> None:
    ef.fill(blank_conninfo, ef.rows())
    first, again = (imported(home, blank_conninfo) for _ in range(2))
    assert [each for one in first.collections for each in one.refused] == []
    assert again.created == {}
    # The tenant is made with the first document, and is no row of a document.
    rows = first.created + first.existing - Counter(tenant=1)
    assert again.existing == rows
    with (
        Comparer.open(home.settings("owner")) as comparer,
        closing(opened(blank_conninfo)) as old,
    ):
        comparison = comparer.compare(old, CompareOptions(tenant="acme", sample=None))
    assert [each for each in comparison.findings if each.rule is None] == []
    [(tenant_id,)] = home.dba.execute(
        "update authority.tenants set foreign_tokens_until = now() + '1 hour' "
        "where code = 'acme' returning id"
    ).fetchall()
    with Authority.open(home.settings("app")) as authority:
        with authority.tenant(tenant_id) as store:
            found = store.users.get_by_username(
                tenant_id=tenant_id, username="Ann@Example.com"
            )
        assert found is not None
        assert verify_password(found.password_hash, ef.PASSWORD)
        strings: dict[Literal["access", "refresh"], str] = {
            "access": ef.ACCESS_STRING,
            "refresh": ef.REFRESH_STRING,
        }
        for kind, string in strings.items():
            verified = authority.verify_token(
                string, kind=kind, tenant_id=tenant_id, foreign=True
            )
            assert verified is not None
            assert verified.is_foreign


def imported(home: Place, location: str) -> ImportSummary:
    """Import the tables into the tenant acme."""
    with (
        Importer.open(home.settings("owner")) as importer,
        closing(opened(location)) as source,
    ):
        return importer.run(source, ImportOptions(tenant="acme"))
