"""Imports from Keycloak, Auth0, Hydra and Kratos: people sign in as before."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import time
from typing import Any, Final
from uuid import UUID

import pytest
from psycopg.sql import SQL, Identifier

from authority_queries import (
    Authority,
    Importer,
    ImportOptions,
    ImportSummary,
    Keyring,
    TotpSecret,
    hash_password,
    verify_client_secret,
    verify_password,
)
from authority_queries.importing.comparing import CompareOptions, Comparer
from authority_queries.importing.documents import Source
from authority_queries.importing.sources.tenant_codes import SYSTEM_SCOPES
from authority_queries.records import User
from tests.importing.sources import auth0, ory, realm
from tests.importing.sources.accounting import opened, write_json
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version
KEYRING: Final = Keyring(current="k", keys={"k": bytes(32)})


@pytest.fixture(scope="module")
def authority(home: Place) -> Iterator[Authority]:
    with Authority.open(home.settings("app")) as authority:
        yield authority


def run(home: Place, source: Source, tenant: str | None = None) -> ImportSummary:
    with Importer.open(home.settings("owner")) as importer:
        first = importer.run(source, ImportOptions(tenant=tenant))
        again = importer.run(source, ImportOptions(tenant=tenant))
    assert again.created == Counter()
    return first


def refused(summary: ImportSummary) -> dict[str, str]:
    return {each.id: each.reason for one in summary.collections for each in one.refused}


def tenant_of(authority: Authority, code: str) -> UUID:
    found = authority.find_tenant(code)
    assert found is not None
    return found


def sign_in(authority: Authority, code: str, name: str, password: str) -> User:
    """Sign in as a service does."""
    tenant_id = tenant_of(authority, code)
    with authority.tenant(tenant_id) as store:
        user = store.users.get_by_username(tenant_id=tenant_id, username=name)
    assert user is not None
    assert verify_password(user.password_hash, password)
    return user


def live_secrets(authority: Authority, code: str, client_id: str) -> Sequence[str]:
    """Return the hashes of the secrets of a client."""
    tenant_id = tenant_of(authority, code)
    with authority.tenant(tenant_id) as store:
        secrets = store.client_secrets.list_live(
            tenant_id=tenant_id, client_id=client_id
        )
    return [each.secret_hash for each in secrets]


def accounts(authority: Authority, user: User) -> set[tuple[str, str]]:
    """Return the accounts of a user at other providers."""
    with authority.tenant(user.tenant_id) as store:
        page = store.user_identities.list_by_user(
            tenant_id=user.tenant_id, user_id=user.id
        )
    return {(each.issuer, each.subject) for each in page.items}


def test_a_realm_signs_in(home: Place, authority: Authority, tmp_path: Path) -> None:
    path = write_json(tmp_path / "realm.json", realm.with_users())
    summary = run(home, opened("keycloak", path, keyring=KEYRING))
    assert refused(summary).keys() == {"wiki"}
    sign_in(authority, "acme", "OLD", realm.OLD_PASSWORD)
    ann = sign_in(authority, "acme", "ann", realm.ANNS_PASSWORD)
    assert (ann.tenant_id, ann.id) == (UUID(realm.REALM_ID), UUID(realm.ANN))
    assert ("https://work.example", "w-1") in accounts(authority, ann)
    hashes = live_secrets(authority, "acme", "web")
    for secret in (realm.SECRET, realm.ROTATED):
        assert any(verify_client_secret(each, secret) for each in hashes)
    ids: dict[str, Any] = {"tenant_id": ann.tenant_id, "user_id": ann.id}
    with authority.tenant(ann.tenant_id) as store:
        consent = store.consents.get(**ids, client_id="web")
        assert consent is not None
        assert set(consent.scopes) == {"openid", "orders", "profile"}
        roles = {each.name for each in store.user_roles.list_by_user(**ids)}
        assert {"web:editor", "web:author", "reader"} < roles
        # No role of Keycloak allows anything here.
        allowed = store.roles.list_user_permissions(**ids)
        assert list(allowed.items) == []


def test_a_totp_code_of_keycloak_is_accepted(
    home: Place, authority: Authority, tmp_path: Path
) -> None:
    path = write_json(tmp_path / "realm.json", realm.with_users())
    run(home, opened("keycloak", path, keyring=KEYRING))
    totp = TotpSecret(secret=realm.TOTP_SECRET.encode())
    ids: dict[str, Any] = {
        "tenant_id": UUID(realm.REALM_ID),
        "user_id": UUID(realm.ANN),
    }
    with authority.tenant(ids["tenant_id"], autocommit=True) as store:
        code = totp.code(int(time()) // 30)
        use = store.totp_credentials.check(**ids, code=code, keyring=KEYRING)
    assert use.outcome == "accepted"


def test_users_of_auth0_sign_in(
    home: Place, authority: Authority, tmp_path: Path
) -> None:
    folder = auth0.write_export(tmp_path / "export")
    summary = run(home, opened("auth0", folder, tenant="dev"), "dev")
    assert set(refused(summary).values()) == {
        "userid is missing",
        "its user is not in the export of users",
    }
    cleo = sign_in(authority, "dev", "cleo@acme.example", auth0.CLEOS_PASSWORD)
    assert cleo.subject_id == auth0.CLEO
    ann = sign_in(authority, "dev", "ann", auth0.ANNS_PASSWORD)
    assert ann.status == "suspended"
    assert ("https://accounts.google.com", "555") in accounts(authority, ann)
    (stored,) = live_secrets(authority, "dev", "web-of-auth0")
    assert verify_client_secret(stored, auth0.SECRET)


def test_identities_and_clients_of_ory_sign_in(
    home: Place, authority: Authority, tmp_path: Path
) -> None:
    people = write_json(tmp_path / "identities.json", ory.IDENTITIES)
    clients = write_json(tmp_path / "clients.json", ory.CLIENTS)
    kratos = opened("kratos", people, tenant="ory", keyring=KEYRING)
    assert refused(run(home, kratos, "ory")) == {}
    assert refused(run(home, opened("hydra", clients, tenant="ory"), "ory")) == {}
    ann = sign_in(authority, "ory", "ann@acme.example", ory.ANNS_PASSWORD)
    assert (ann.subject_id, ann.email_verified) == (ory.ANN, True)
    assert ("kratos:work", "w-1") in accounts(authority, ann)
    (stored,) = live_secrets(authority, "ory", "web-of-hydra")
    assert verify_client_secret(stored, ory.SECRET)


def test_a_comparison_verifies_what_is_salted(home: Place, tmp_path: Path) -> None:
    path = write_json(tmp_path / "realm.json", realm.with_users())
    run(home, opened("keycloak", path, tenant="compared", keyring=KEYRING))

    def findings() -> dict[str | None, set[tuple[str, str | None]]]:
        source = opened("keycloak", path, tenant="compared", keyring=KEYRING)
        with Comparer.open(home.settings("owner")) as comparer:
            found = comparer.compare(source, CompareOptions(sample=None))
        every: dict[str | None, set[tuple[str, str | None]]] = defaultdict(set)
        for each in found.findings:
            every[each.rule].add((each.kind, each.field))
        return every

    first = findings()
    assert first.get(None) is None
    assert first["another salt"] == {
        ("client_secret", "secret_hash"),
        ("totp_credential", "secret_ciphertext"),
        ("user", "password_hash"),
    }
    for secret in ("client_secrets", "secret_hash"), ("users", "password_hash"):
        table, column = Identifier("authority", secret[0]), Identifier(secret[1])
        update = SQL("update {} set {} = %s")
        home.dba.execute(update.format(table, column), (hash_password("another"),))
    assert findings()[None] >= {
        ("client_secret", "secret_hash"),
        ("user", "password_hash"),
    }


def test_the_names_of_system_rows_are_known(home: Place) -> None:
    query = "select name from authority.system_scopes"
    found = {name for (name,) in home.dba.execute(query.encode())}
    assert found == SYSTEM_SCOPES
