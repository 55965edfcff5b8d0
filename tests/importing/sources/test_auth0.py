"""Auth0: what becomes of each field of an export, and files that are refused."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from authority_queries import verify_client_secret, verify_password
from authority_queries.errors import ConfigurationError, SourceError
from authority_queries.importing.documents import Document
from authority_queries.importing.entries import (
    ClientEntry,
    ClientSecretEntry,
    RoleEntry,
    ScopeEntry,
    UserEntry,
    UserIdentityEntry,
)
from tests.importing.sources import auth0
from tests.importing.sources.accounting import (
    by_id,
    documents,
    of,
    opened,
    reasons,
    unaccounted,
    write_lines,
)

pytestmark = pytest.mark.one_version
# Fields that become other values.
OF_CLIENTS: Final = ("client_secret", "callbacks", "is_first_party")
OF_USERS: Final = ("created_at", "updated_at", "blocked", "identities.isSocial")


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Document]]:
    folder = auth0.write_export(tmp_path_factory.mktemp("auth0") / "export")
    return documents(opened("auth0", folder, tenant="dev"))


def test_each_field_is_imported_kept_or_dropped(
    read: dict[str, list[Document]],
) -> None:
    ann = by_id(read["users"], auth0.ANN)
    own = tuple(f"identities.{name}" for name in ("connection", "provider", "user_id"))
    assert unaccounted(auth0.ANN_THERE, ann, *OF_USERS, *own) == set()
    web = by_id(read["clients"], "web-of-auth0")
    assert unaccounted(auth0.WEB, web, *OF_CLIENTS) == set()
    line = by_id(read["passwords"], "60425dc43519d90068f80001")
    taken = ("_id", "passwordHash", "email", "email_verified")
    assert unaccounted(auth0.PASSWORD, line, *taken) == set()
    assert reasons(by_id(read["files"], "tenant.yaml")).keys() == {"*"}


def test_no_secret_is_kept_or_shown(read: dict[str, list[Document]]) -> None:
    every = [each for found in read.values() for each in found]
    shown = repr(every) + json.dumps(
        [entry.model_dump(mode="json") for each in every for entry in each.entries]
    )
    assert auth0.SECRET not in shown
    assert "do-not-keep-this" not in shown


def test_a_user_gets_the_password_of_the_other_export(
    read: dict[str, list[Document]],
) -> None:
    for key, password in (
        (auth0.ANN, auth0.ANNS_PASSWORD),
        (auth0.CLEO, auth0.CLEOS_PASSWORD),
    ):
        (user,) = of(by_id(read["users"], key), UserEntry)
        assert user.subject_id == key
        assert verify_password(user.password_hash, password)


def test_accounts_have_issuers(read: dict[str, list[Document]]) -> None:
    ann = by_id(read["users"], auth0.ANN)
    (user,) = of(ann, UserEntry)
    assert (user.username, user.status) == ("ann", "suspended")
    assert [(each.issuer, each.subject) for each in of(ann, UserIdentityEntry)] == [
        ("https://accounts.google.com", "555"),
        ("auth0:acme-directory", "w-1"),
    ]
    ben = by_id(read["users"], auth0.BEN)
    (user,) = of(ben, UserEntry)
    assert (user.username, user.email_verified) == (auth0.BEN, False)
    assert "another user" in reasons(ben)["email_verified"]
    assert [each.subject for each in of(ben, UserIdentityEntry)] == ["1234567890"]


def test_what_is_no_user_is_refused_or_listed(read: dict[str, list[Document]]) -> None:
    (nobody,) = (each for each in read["users"] if each.refused)
    assert nobody.refused == "userid is missing"
    odd = by_id(read["users"], "auth0|no-address")
    assert reasons(odd)["email"] == "is no e-mail address"
    (user,) = of(odd, UserEntry)
    assert (user.username, user.email) == ("auth0|no-address", None)
    (unused,) = (each for each in read["passwords"] if each.refused)
    assert unused.refused == "its user is not in the export of users"


def test_clients_scopes_and_roles(read: dict[str, list[Document]]) -> None:
    web = by_id(read["clients"], "web-of-auth0")
    (client,) = of(web, ClientEntry)
    assert client.redirect_uris == ("https://shop.example/cb",)
    assert client.backchannel_logout_uri == "https://shop.example/out"
    assert client.token_endpoint_auth_method == "client_secret_post"
    (secret,) = of(web, ClientSecretEntry)
    assert verify_client_secret(secret.secret_hash, auth0.SECRET)
    assert reasons(by_id(read["clients"], "all")).keys() == {"*"}
    (scope,) = of(by_id(read["scopes"], "read:orders"), ScopeEntry)
    assert scope.resources == (
        "https://api.example/orders",
        "https://api.example/archive",
    )
    (role,) = of(read["roles"][0], RoleEntry)
    assert role.name == "order-clerk"


def test_files_are_read_from_a_position_and_since_a_time(tmp_path: Path) -> None:
    folder = auth0.write_export(tmp_path / "export")
    files = f"{folder / 'users.ndjson'},{folder / 'passwords.ndjson'}"
    source = opened("auth0", files, tenant="dev")
    assert source.name == "auth0:users.ndjson,passwords.ndjson"
    first = next(iter(source.read("users")))
    second = next(iter(source.read("users", after=first.position)))
    # The address of the first user is not verified twice after a resumption.
    assert "email_verified" in reasons(second)
    since = opened("auth0", files, tenant="dev", since=datetime(2025, 1, 1, tzinfo=UTC))
    assert auth0.ANN not in {each.id for each in since.read("users")}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"user_id": "auth0|1"}\n{"user_id": "aut', "is no complete JSON"),
        ("", "is no complete JSON"),
        ("email,password\n", "is no complete JSON"),
        ('{"realm": "x"}', "has no export of Auth0"),
        ("[1]", "has values that are no objects"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=rf"^wrong\.json .*{reason}"):
        documents(opened("auth0", path, tenant="dev"))


def test_a_truncated_export_of_passwords_is_named(tmp_path: Path) -> None:
    folder = auth0.write_export(tmp_path / "export")
    path = folder / "passwords.ndjson"
    path.write_text(path.read_text()[:-20])
    source = opened("auth0", folder, tenant="dev")
    with pytest.raises(SourceError, match=r"^passwords\.ndjson line 3: is no line"):
        documents(source)


def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_lines(tmp_path / "users.ndjson", {"user_id": "auth0|1"})
    monkeypatch.setitem(sys.modules, "ijson", None)
    with pytest.raises(ConfigurationError, match=r"authority-queries\[files\]"):
        opened("auth0", path, tenant="dev")


def test_wrong_options_are_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "users.ndjson", {"user_id": "auth0|1"})
    with pytest.raises(ConfigurationError, match="name the tenant"):
        opened("auth0", path)
    with pytest.raises(SourceError, match="several exports"):
        opened("auth0", f"{path},{path}", tenant="dev")
    with pytest.raises(SourceError, match=r"nowhere\.json cannot be read"):
        opened("auth0", tmp_path / "nowhere.json", tenant="dev")
