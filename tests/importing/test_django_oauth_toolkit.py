"""django-oauth-toolkit in PostgreSQL, with the users and groups of Django."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretStr

from authority_queries import (
    Authority,
    Importer,
    ImportOptions,
    mint_token,
    verify_client_secret,
    verify_password,
)
from authority_queries.errors import SourceError
from authority_queries.importing.comparing import CompareOptions, Comparer
from authority_queries.importing.documents import Document, Source
from authority_queries.importing.sources import SourceOptions, open_source
from authority_queries.importing.sources.django_oauth_toolkit import source
from authority_queries.importing.sources.openiddict import NEVER
from authority_queries.importing.sources.tables import source as tables_source
from authority_queries.secrets import tag_foreign_hash
from tests.factories import new_token
from tests.importing import django_rows as dj
from tests.importing.accounting import Accounting, entries, read_all
from tests.operations.moving import Place
from tests.repositories.grant_helpers import DAY

pytestmark = pytest.mark.one_version


def opened(conninfo: str) -> Source:
    options = SourceOptions(location=SecretStr(conninfo), tenant="acme")
    return open_source("django-oauth-toolkit", options)


@pytest.fixture(scope="module")
def documents(all_databases: Any, empty: str) -> Iterator[dict[str, list[Document]]]:
    """All documents by collection, from tables with a value in each column."""
    with all_databases.copy_of(empty) as conninfo:
        dj.fill(conninfo, dj.rows())
        yield read_all(opened(conninfo))


def reasons(documents: list[Document]) -> dict[str, str | None]:
    """Return why documents have no entries, by id."""
    return {
        each.id: each.refused or each.dropped[0].reason
        for each in documents
        if not each.entries
    }


def test_collections_follow_those_that_they_refer_to(
    documents: dict[str, list[Document]],
) -> None:
    assert list(documents) == [
        "auth_group",
        "auth_user",
        "oauth2_provider_application",
        "oauth2_provider_refreshtoken (families)",
        "oauth2_provider_refreshtoken",
        "oauth2_provider_accesstoken",
        "oauth2_provider_grant",
        "oauth2_provider_devicegrant",
        "oauth2_provider_idtoken",
    ]


def test_a_user_keeps_key_password_and_groups(
    documents: dict[str, list[Document]],
) -> None:
    ann, bob = documents["auth_user"]
    [user] = entries([ann], "user")
    assert (user.subject_id, user.username, user.display_name) == (
        "1",
        "ann",
        "Ann Lee",
    )
    assert verify_password(user.password_hash, dj.PASSWORD)
    assert (user.email, user.email_verified) == ("ann@example.com", False)
    assert user.created_at == dj.MADE
    assert user.attributes == {
        "given_name": "Ann",
        "family_name": "Lee",
        "is_staff": True,
        "is_superuser": True,
        "last_login": dj.NOW.isoformat(),
    }
    roles = [entry.role for entry in entries([ann], "user_role")]
    assert roles == ["power-user", "imported:auditor"]
    [other] = entries([bob], "user")
    assert (other.password_hash, other.email, other.status) == (None, None, "suspended")
    assert [each.reason for each in bob.dropped] == [
        "is that of a user without a password"
    ]


def test_a_group_becomes_a_role_without_permissions(
    documents: dict[str, list[Document]],
) -> None:
    found = entries(documents["auth_group"], "role")
    assert [role.name for role in found] == ["power-user", "imported:auditor"]
    [dropped] = documents["auth_group"][0].dropped
    assert dropped.field == "permissions"


def test_an_application_becomes_a_client_with_its_secret(
    documents: dict[str, list[Document]],
) -> None:
    applications = documents["oauth2_provider_application"]
    portal, cli, batch = entries(applications, "client")
    assert portal.redirect_uris == ("https://a.example/in", "https://b.example/in")
    assert portal.post_logout_redirect_uris == ("https://a.example/out",)
    assert portal.grant_types == ("authorization_code", "refresh_token")
    assert portal.response_types == ("code",)
    assert (portal.consent_type, portal.application_type) == ("implicit", "web")
    assert (portal.created_at, portal.updated_at) == (dj.MADE, dj.NOW)
    assert portal.properties == {
        "allowed_origins": ["https://a.example"],
        "algorithm": "RS256",
        "user_id": 1,
    }
    assert (cli.client_type, cli.application_type) == ("public", "native")
    assert (cli.metadata_valid_until, cli.token_endpoint_auth_method) == (
        dj.SOON,
        "none",
    )
    assert batch.grant_types == ("client_credentials",)
    [registration] = entries(applications, "client_registration")
    assert (registration.client, registration.source) == (
        "https://cli.example/metadata",
        "metadata_document",
    )
    hashed, plain = entries(applications, "client_secret")
    assert verify_client_secret(hashed.secret_hash, dj.PASSWORD)
    assert verify_client_secret(plain.secret_hash, dj.SECRET)
    assert plain.secret_hash.startswith("$sha256$")


def test_a_live_family_keeps_its_tokens_and_detects_reuse(
    documents: dict[str, list[Document]],
) -> None:
    [family] = entries(
        documents["oauth2_provider_refreshtoken (families)"], "authorization"
    )
    assert (family.id, family.user, family.client) == (UUID(dj.FAMILY), "1", "portal")
    assert (family.scopes, family.resources) == (
        ("read", "write"),
        ("https://api.example",),
    )
    assert (family.created_at, family.tokens_expire_at) == (dj.MADE, NEVER)
    live, used = entries(documents["oauth2_provider_refreshtoken"], "token")
    assert live.token_hash == hash_of(dj.REFRESH_STRING)
    assert (live.scopes, live.redeemed_at) == (("read", "write"), None)
    assert used.token_hash == hash_of(dj.USED_STRING)
    assert (used.redeemed_at, used.authorization) == (dj.USED, UUID(dj.FAMILY))
    assert reasons(documents["oauth2_provider_refreshtoken"]) == {
        "3": "the token is revoked, and no token of its family is live",
        "4": "its access token is gone, so the toolkit refuses it, too",
    }


def test_access_tokens_keep_hash_scopes_resources_and_family(
    documents: dict[str, list[Document]],
) -> None:
    of_user, of_client = entries(documents["oauth2_provider_accesstoken"], "token")
    assert of_user.token_hash == hash_of(dj.ACCESS_STRING)
    assert (of_user.user, of_user.authorization) == ("1", UUID(dj.FAMILY))
    assert (of_user.scopes, of_user.expires_at) == (("read", "write"), dj.SOON)
    assert of_user.resources == ("https://api.example",)
    assert of_client.token_hash == hash_of(dj.REDACTED_STRING)
    assert (of_client.client, of_client.user) == ("batch", None)
    assert reasons(documents["oauth2_provider_accesstoken"]) == {
        "3": "the token has expired",
        "4": "the token belongs to no application",
        "5": "the token is too short, too long, or no printable ASCII",
    }


def test_codes_and_id_tokens_are_listed(documents: dict[str, list[Document]]) -> None:
    assert reasons(documents["oauth2_provider_grant"]) == {
        "1": "an authorization code lives for a minute"
    }
    assert reasons(documents["oauth2_provider_idtoken"]) == {
        "1": "an ID token is verified by its signature"
    }


def hash_of(string: str) -> bytes:
    return tag_foreign_hash(hashlib.sha256(string.encode()).digest())


def test_each_column_is_imported_kept_or_dropped(
    blank_conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dj.fill(blank_conninfo, dj.rows())
    accounting = Accounting(monkeypatch, source, tables_source)
    read_all(opened(blank_conninfo))
    codes = set(dj.rows()["oauth2_provider_grant"][0])
    id_tokens = set(dj.rows()["oauth2_provider_idtoken"][0])
    # The rows of codes and ID tokens are skipped. Related rows are found by a key.
    assert accounting.unseen - codes - id_tokens == {"access_token_id"}
    with psycopg.connect(blank_conninfo) as connection:
        columns = connection.execute(
            "select attname from pg_attribute where attnum > 0 and attrelid = any("
            "array(select oid from pg_class where relname in ('auth_group', "
            "'auth_user', 'oauth2_provider_application', "
            "'oauth2_provider_refreshtoken', 'oauth2_provider_accesstoken')))"
        ).fetchall()
    assert {name for (name,) in columns} <= accounting.names


def test_tables_of_version_2_and_a_model_of_users_are_found(
    blank_conninfo: str,
) -> None:
    dj.fill(blank_conninfo, dj.rows())
    with psycopg.connect(blank_conninfo) as connection:
        connection.execute(
            "create schema site; alter table auth_user set schema site;"
            "alter table site.auth_user rename to accounts_person;"
            "alter table site.accounts_person rename column id to number;"
            "alter table site.accounts_person drop column username;"
            "alter table auth_user_groups rename to accounts_person_groups;"
            "alter table accounts_person_groups rename column user_id to person_id;"
            "alter table oauth2_provider_application rename to site_application;"
            "alter table site_application drop column registration_source,"
            " drop column cimd_expires_at, drop column allowed_origins;"
            "alter table oauth2_provider_refreshtoken drop column token_family,"
            " drop column token_checksum, drop column resource;"
            "alter table oauth2_provider_accesstoken drop column token_checksum,"
            " drop column resource; drop table oauth2_provider_devicegrant;"
        )
    found = read_all(opened(blank_conninfo))
    [user] = entries(found["accounts_person"], "user")  # the other one has no name
    assert (user.subject_id, user.username) == ("1", "ann@example.com")
    assert len(entries(found["accounts_person"], "user_role")) == 2
    assert len(entries(found["site_application"], "client")) == 3
    families = entries(
        found["oauth2_provider_refreshtoken (families)"], "authorization"
    )
    tokens = entries(found["oauth2_provider_refreshtoken"], "token")
    assert [token.authorization for token in tokens] == [each.id for each in families]


def test_reading_goes_on_after_a_position(blank_conninfo: str) -> None:
    dj.fill(blank_conninfo, dj.rows())
    with closing(opened(blank_conninfo)) as tables:
        for collection in tables.collections():
            whole = list(tables.read(collection.name))
            for at, document in enumerate(whole):
                rest = list(tables.read(collection.name, after=document.position))
                assert rest == whole[at + 1 :]


def test_a_database_without_the_tables_is_refused_by_what_was_looked_for(
    blank_conninfo: str,
) -> None:
    with pytest.raises(SourceError, match="no tables oauth2_provider_accesstoken"):
        opened(blank_conninfo)


def test_an_imported_user_signs_in_and_a_reused_token_ends_its_family(
    blank_conninfo: str, home: Place
) -> None:
    dj.fill(blank_conninfo, dj.rows())
    with Importer.open(home.settings("owner")) as importer:
        for _ in range(2):
            with closing(opened(blank_conninfo)) as tables:
                summary = importer.run(tables, ImportOptions(tenant="acme"))
    refused = [each.id for one in summary.collections for each in one.refused]
    assert refused == ["4"]  # a token of no application
    assert summary.created == {}
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
        with authority.tenant(tenant_id, autocommit=True) as store:
            found = store.users.get_by_subject_id(tenant_id=tenant_id, subject_id="1")
            assert found is not None
            assert verify_password(found.password_hash, dj.PASSWORD)
            tokens = dj.ACCESS_STRING, dj.REDACTED_STRING
            alive = [is_alive(authority, token, tenant_id) for token in tokens]
            assert alive == [True, True]
            reuse = store.redemptions.refresh(
                tenant_id=tenant_id,
                token_hash=hash_of(dj.USED_STRING),
                client_id="portal",
                redemption_id=uuid4(),
                access_token=new_token(mint_token("access", tenant_id)),
                refresh_token=new_token(mint_token("refresh", tenant_id), DAY),
            )
        assert reuse.outcome == "reused"
        alive = [is_alive(authority, token, tenant_id) for token in tokens]
        assert alive == [False, True]  # the other one is of no family


def is_alive(authority: Authority, token: str, tenant_id: UUID) -> bool:
    return authority.verify_token(token, tenant_id=tenant_id, foreign=True) is not None
