"""Documents of OpenIddict and ASP.NET Core Identity in MongoDB, and their entries."""

import base64
import hashlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

import pytest
from bson import Int64, ObjectId
from bson.binary import Binary, UuidRepresentation
from pydantic import SecretStr

from authority_queries import verify_password
from authority_queries.errors import ConfigurationError
from authority_queries.importing.documents import Document, Source
from authority_queries.importing.entries import (
    AuthorizationEntry,
    ClientEntry,
    ClientSecretEntry,
    ConsentEntry,
    Entry,
    RoleEntry,
    ScopeEntry,
    TokenEntry,
    UserEntry,
    UserIdentityEntry,
    UserRoleEntry,
)
from authority_queries.importing.sources import SourceOptions, open_source
from authority_queries.secrets import tag_foreign_hash
from tests.importing.mongodb_demo import (
    SECRETS,
    MongoDemo,
    identity_hash,
    mongo_demo,
    object_id,
    reference_id,
    subject,
)
from tests.importing.mongodb_files import MODES, write_dump, write_export
from tests.importing.mongodb_server import SERVERS, mongodb_database, mongodb_server

Raw: TypeAlias = dict[str, Any]
E = TypeVar("E", bound=Entry)

pytestmark = pytest.mark.one_version

ANN: Final = subject("acme", "Ann")
MARKER: Final = "marker"
NOW: Final = datetime.now(UTC).replace(microsecond=0)
DAY: Final = timedelta(days=1)
DESK: Final = UUID("00112233-4455-6677-8899-aabbccddeeff")


@pytest.fixture(scope="module")
def demo() -> MongoDemo:
    return mongo_demo("acme")


@pytest.fixture(scope="module", params=SERVERS)
def mongodb(request: pytest.FixtureRequest) -> Iterator[str]:
    with mongodb_server(request.param) as url:
        yield url


def opened(location: object) -> Source:
    options = SourceOptions(location=SecretStr(str(location)), tenant="acme")
    return open_source("mongodb", options)


def read_all(location: object) -> dict[str, list[Document]]:
    source = opened(location)
    found = {each.name: list(source.read(each.name)) for each in source.collections()}
    source.close()
    return found


def converted(folder: Path, documents: Mapping[str, list[Raw]]) -> list[Document]:
    """Convert documents by a dump of them."""
    write_dump(folder, documents)
    return [one for found in read_all(folder).values() for one in found]


def only(kind: type[E], documents: list[Document]) -> list[E]:
    return [
        entry
        for document in documents
        for entry in document.entries
        if isinstance(entry, kind)
    ]


def without_positions(found: dict[str, list[Document]]) -> list[tuple[str, Document]]:
    """Return documents that different readers must agree on, in the same order."""
    return [
        (name, replace(document, position=None))
        for name, documents in found.items()
        for document in sorted(documents, key=lambda one: one.id)
    ]


def test_each_form_becomes_the_same_entries(
    demo: MongoDemo, mongodb: str, tmp_path: Path
) -> None:
    with mongodb_database(mongodb, demo.documents) as url:
        expected = without_positions(read_all(url))
    assert len(expected) == sum(map(len, demo.documents.values()))
    write_dump(tmp_path / "dump", demo.documents, compressed=True)
    assert without_positions(read_all(tmp_path / "dump")) == expected
    for mode in MODES:
        write_export(tmp_path / mode, demo.documents, mode=mode)
        assert without_positions(read_all(tmp_path / mode)) == expected


def test_the_demo_becomes_entries_in_the_order_of_their_references(
    demo: MongoDemo, tmp_path: Path
) -> None:
    write_dump(tmp_path, demo.documents)
    names = [each.name for each in opened(tmp_path).collections()]
    assert names == [
        "roles",
        "openiddict.scopes",
        "openiddict.applications",
        "users",
        "openiddict.authorizations",
        "openiddict.tokens",
    ]
    documents = [one for found in read_all(tmp_path).values() for one in found]
    assert [one.refused for one in documents if one.refused] == []

    user = next(one for one in only(UserEntry, documents) if one.subject_id == ANN)
    assert (user.username, user.email, user.email_verified) == (
        "Ann",
        "ann@acme.example",
        True,
    )
    assert user.password_hash is not None
    assert verify_password(user.password_hash, demo.passwords["Ann"])
    assert user.display_name == "Ann Archer"
    roles = {one.role for one in only(UserRoleEntry, documents) if one.user == ANN}
    assert roles == {"imported:admin", "billing"}
    assert {one.name for one in only(RoleEntry, documents)} >= roles
    identities = only(UserIdentityEntry, documents)
    assert {one.subject for one in identities} == {"acme-Ann", "acme-bob"}

    clients = {one.client_id: one for one in only(ClientEntry, documents)}
    web = clients["acme-web"]
    assert web.grant_types == ("authorization_code", "refresh_token")
    assert web.settings == {"tkn_lft:act": "01:00:00"}
    assert web.display_names == {"de": "Acme-Webladen", "fr": "Boutique Acme"}
    assert web.properties["owner"] == "sales"
    secrets = {one.client: one for one in only(ClientSecretEntry, documents)}
    assert verify_password(secrets["acme-web"].secret_hash, SECRETS["acme-web"])
    (scope,) = only(ScopeEntry, documents)
    assert scope.descriptions == {"de": "Rechnungen des Kontos sehen."}

    (consent,) = (one for one in only(ConsentEntry, documents) if one.user == ANN)
    families = [one for one in only(AuthorizationEntry, documents) if one.user == ANN]
    alive, ended = sorted(families, key=lambda one: one.revoked_at is not None)
    assert (alive.consent, ended.consent) == (consent.id, None)
    assert ended.revocation_reason == "revoked in OpenIddict"
    assert alive.properties == {"device": "laptop"}

    tokens = {one.token_hash: one for one in only(TokenEntry, documents)}
    for state in ("access", "refresh", "redeemed", "revoked"):
        digest = hashlib.sha256(demo.references[f"{state} of {ANN}"].encode()).digest()
        token = tokens[tag_foreign_hash(digest)]
        assert token.type == ("access" if state == "access" else "refresh")
        assert token.authorization == (ended if state == "revoked" else alive).id
        assert (token.redeemed_at is not None) == (state == "redeemed")
        assert (token.revoked_at is not None) == (state == "revoked")
        assert token.scopes == ("openid", "offline_access")
        assert token.expires_at <= (alive.tokens_expire_at or token.expires_at)
        assert token.properties == {"request": "17"}
    assert len(tokens) == 8


def test_tokens_without_a_place_are_listed_with_the_reason(
    demo: MongoDemo, tmp_path: Path
) -> None:
    documents = converted(tmp_path, demo.documents)
    reasons = [
        dropped.reason
        for document in documents
        for dropped in document.dropped
        if dropped.field == "*"
    ]
    assert sorted(set(reasons)) == [
        "a self-contained token is verified by its signature, not by a store",
        "codes live for minutes, and only their payload has what they require",
        "the token has expired",
    ]
    assert len(reasons) == 6


def old_identity_hash(password: str) -> str:
    """Return a hash of version 2: PBKDF2 with SHA-1 and 1,000 rounds."""
    salt = b"0123456789abcdef"
    key = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, 1000, 32)
    return base64.b64encode(b"\0" + salt + key).decode()


def old_documents() -> dict[str, list[Raw]]:
    """Return documents of older versions, with each field that they may have."""
    user = ObjectId()
    return {
        # OpenIddict 3, which omits what is null, and writes names of token types.
        "openiddict.applications": [
            {
                "_id": object_id("old"),
                "client_id": "old",
                "client_secret": identity_hash("old secret"),
                "concurrency_token": "1",
                "permissions": ["ept:token", "gt:password", "scp:email", "rst:token"],
                "properties": {"owner": "sales"},
                "requirements": ["ft:pkce"],
                "redirect_uris": ["https://old.example/cb"],
                "post_logout_redirect_uris": ["https://old.example/bye"],
                "display_name": "Old",
                "display_names": {"de": "Alt"},
                "consent_type": "implicit",
                "type": "confidential",
            },
            {"_id": object_id("bare"), "client_id": "bare", "type": "public"},
        ],
        "openiddict.scopes": [{"_id": object_id("scope"), "name": "bare"}],
        "openiddict.authorizations": [
            {
                "_id": object_id("family"),
                "application_id": object_id("old"),
                "concurrency_token": "1",
                "properties": {"device": "laptop"},
                "scopes": ["email"],
                "status": "valid",
                "subject": str(user),
                "type": "permanent",
            },
            {
                "_id": object_id("other family"),
                "application_id": object_id("old"),
                "creation_date": NOW - DAY,
                "scopes": ["profile"],
                "status": "valid",
                "subject": str(user),
                "type": "permanent",
            },
        ],
        "openiddict.tokens": [
            {
                "_id": object_id("token"),
                "application_id": object_id("old"),
                "authorization_id": object_id("family"),
                "concurrency_token": "1",
                "creation_date": NOW - DAY,
                "expiration_date": NOW + DAY,
                "payload": "eyJ.AAAA",
                "properties": {"request": "1"},
                "reference_id": reference_id("an old token"),
                "status": "redeemed",
                "subject": str(user),
                "type": "refresh_token",
            }
        ],
        # AspNetCore.Identity.Mongo: keys are ObjectIds, and roles are names.
        "Users": [
            {
                "_id": user,
                "_t": "ApplicationUser",
                "UserName": "old",
                "NormalizedUserName": "OLD",
                "Email": "old@acme.example",
                "NormalizedEmail": "OLD@ACME.EXAMPLE",
                "EmailConfirmed": True,
                "PasswordHash": old_identity_hash("old password"),
                "SecurityStamp": "S",
                "ConcurrencyStamp": "C",
                "PhoneNumber": "+49 1",
                "PhoneNumberConfirmed": True,
                "TwoFactorEnabled": True,
                # A DateTimeOffset of the driver for .NET: ticks and minutes.
                "LockoutEnd": [Int64(3_155_378_975_999_999_999), 0],
                "LockoutEnabled": True,
                "AccessFailedCount": 3,
                "AuthenticatorKey": "JBSWY3DPEHPK3PXP",
                "RecoveryCodes": [{"Code": "abc", "Redeemed": False}],
                "Roles": ["POWER USER", "GONE"],
                "Claims": [{"_id": 1, "ClaimType": "team", "ClaimValue": "blue"}],
                "Logins": [{"LoginProvider": "Google", "ProviderKey": "17"}],
                "Tokens": [
                    {"LoginProvider": "x", "Name": "AuthenticatorKey", "Value": "k"}
                ],
                "Department": {"Floor": 3, "Key": Binary.from_uuid(DESK)},
            }
        ],
        "Roles": [
            {"_id": ObjectId(), "Name": "Power User", "NormalizedName": "POWER USER"}
        ],
    }


def test_documents_of_older_versions_are_converted(tmp_path: Path) -> None:
    documents = converted(tmp_path, old_documents())
    assert [one.refused for one in documents if one.refused] == []

    clients = {one.client_id: one for one in only(ClientEntry, documents)}
    assert clients["old"].client_type == "confidential"
    assert clients["old"].response_types == ("token",)
    assert clients["bare"].client_type == "public"

    (user,) = only(UserEntry, documents)
    assert user.password_hash is not None
    assert verify_password(user.password_hash, "old password")
    assert user.status == "suspended"  # for ever, as in LockoutEnd
    assert user.attributes == {
        "phone_number": "+49 1",
        "phone_number_verified": True,
        "two_factor_enabled": True,
        "claims": {"team": ["blue"]},
        "Department": {"Floor": 3, "Key": str(DESK)},
    }
    assert [one.role for one in only(UserRoleEntry, documents)] == ["power-user"]

    (consent,) = only(ConsentEntry, documents)
    assert set(consent.scopes) == {"email", "profile"}
    assert (consent.created_at, consent.updated_at) == (NOW - DAY, NOW - DAY)
    (family,) = only(AuthorizationEntry, documents)
    assert (family.consent, family.scopes) == (consent.id, ("email",))
    (token,) = only(TokenEntry, documents)
    # It has no date of its redemption.
    assert (token.type, token.redeemed_at) == ("refresh", NOW - DAY)


@pytest.mark.parametrize("name", ["demo", "old"])
def test_each_field_is_imported_kept_or_listed(
    name: str, demo: MongoDemo, tmp_path: Path
) -> None:
    """A field that is changed changes the entries, or is listed as dropped."""
    samples = demo.documents if name == "demo" else old_documents()
    before = by_id(converted(tmp_path, samples))
    lost = []
    for collection, found in samples.items():
        for index, path in paths_of_shapes(found):
            document = before[key_of(found[index])]
            if listed(document, path) or path == ("_id",):
                continue
            others = [with_value(found[index], path, one) for one in (MARKER, None)]
            if not any(
                document != after[document.id]
                for other in others
                for after in [by_id(converted(tmp_path, replaced(samples, other)))]
            ):
                lost.append((collection, path))
    assert lost == []


def by_id(documents: list[Document]) -> dict[str, Document]:
    return {one.id: replace(one, position=None) for one in documents}


def listed(document: Document, path: tuple[str, ...]) -> bool:
    """Return whether a field, or the document that it is in, is listed as dropped."""
    names = {dropped.field for dropped in document.dropped}
    # A token of Identity is dropped by its value.
    return bool(names & {"*", path[0], ".".join(path), f"{path[0]}.Value"})


def paths_of_shapes(found: list[Raw]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield each field of a document, once for documents with the same fields."""
    shapes = set()
    for index, document in enumerate(found):
        shape = (*sorted(document), document.get("status"), document.get("type"))
        if shape in shapes:
            continue
        shapes.add(shape)
        for name, value in document.items():
            yield index, (name,)
            inner = value[0] if isinstance(value, list) and value else None
            if isinstance(inner, dict):
                yield from ((index, (name, field)) for field in inner)


def with_value(document: Raw, path: tuple[str, ...], value: object) -> Raw:
    """Return a document with another value in one field."""
    name, *inner = path
    if not inner:
        return {**document, name: value}
    first, *others = document[name]
    return {**document, name: [{**first, inner[0]: value}, *others]}


def replaced(samples: dict[str, list[Raw]], other: Raw) -> dict[str, list[Raw]]:
    """Return the documents with this one in the place of that with its key."""
    return {
        name: [other if one["_id"] == other["_id"] else one for one in found]
        for name, found in samples.items()
    }


def key_of(document: Raw) -> str:
    key = document["_id"]
    is_binary = isinstance(key, Binary)
    return str(key.as_uuid(UuidRepresentation.CSHARP_LEGACY) if is_binary else key)


def test_what_the_source_cannot_know_is_asked_for() -> None:
    location = SecretStr("anywhere")
    with pytest.raises(ConfigurationError, match=r"name the one .* \(--tenant\)"):
        open_source("mongodb", SourceOptions(location=location))
    options = SourceOptions(location=location, tenant="acme", since=NOW)
    with pytest.raises(ConfigurationError, match="--update instead of --since"):
        open_source("mongodb", options)


def test_the_first_user_of_a_confirmed_address_keeps_it(tmp_path: Path) -> None:
    (first,) = old_documents()["Users"]
    second = {**first, "_id": "b", "UserName": "b", "Email": "OLD@acme.example"}
    third = {**first, "_id": "c", "UserName": "c", "EmailConfirmed": False}
    write_dump(tmp_path, {"Users": [first, second, third]})
    whole = list(opened(tmp_path).read("Users"))
    verified = [one.email_verified for one in only(UserEntry, whole)]
    assert verified == [True, False, False]
    reasons = {one.reason for one in whole[1].dropped if one.field == "EmailConfirmed"}
    assert reasons == {"another user has verified the same address"}
    # An import that goes on comes to the same result.
    rest = list(opened(tmp_path).read("Users", after=whole[0].position))
    assert rest == whole[1:]


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['bson'] = sys.modules['pymongo'] = None; "
        "import authority_queries.__main__ as command; sys.exit(command.main())"
    )
    arguments = ["import", f"mongodb:{tmp_path}", "--tenant", "acme"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "install authority-queries[mongodb]" in done.stderr


@pytest.mark.parametrize("name", ["orders", "openiddict.sessions"])
def test_a_collection_without_a_place_is_listed(name: str, tmp_path: Path) -> None:
    fields = ["total"] if name == "orders" else ["concurrency_token", "status"]
    found_there = [{"_id": key, **dict.fromkeys(fields, "1")} for key in range(3)]
    write_dump(tmp_path, {name: found_there, "empty": []})
    found = read_all(tmp_path)
    (document,) = found[name]
    assert (document.id, document.entries) == (name, ())
    assert [one.field for one in document.dropped] == ["*"]
    assert list(opened(tmp_path).read(name, after=document.position)) == []
    assert found["empty"] == []


def test_collections_with_other_names_are_recognized(
    demo: MongoDemo, tmp_path: Path
) -> None:
    documents = {
        f"house{number}": found for number, found in enumerate(demo.documents.values())
    }
    expected = by_id(converted(tmp_path / "named", demo.documents))
    assert by_id(converted(tmp_path / "others", documents)) == expected


def test_a_document_with_an_error_is_refused_without_its_value(tmp_path: Path) -> None:
    family = {
        "_id": object_id("f"),
        "scopes": [],
        "status": "odd",
        "subject": "swordfish",
    }
    documents: dict[str, list[Raw]] = {
        "openiddict.applications": [{"_id": object_id("a"), "type": "swordfish"}],
        "openiddict.authorizations": [{**family, "application_id": object_id("gone")}],
        "users": [{"_id": {"a": 1}, "NormalizedUserName": "A", "Email": "swordfish"}],
    }
    found = converted(tmp_path, documents)
    assert [one.refused for one in found] == [
        "clientid is missing",
        "_id is no text",
        "its application is missing",
    ]
    assert "swordfish" not in repr(found)


def test_a_token_of_a_missing_authorization_is_refused(tmp_path: Path) -> None:
    documents = old_documents()
    documents["openiddict.authorizations"].pop(0)
    (token,) = (one for one in converted(tmp_path, documents) if one.refused)
    assert token.refused == "its authorization is missing"
    assert token.id == str(object_id("token"))
