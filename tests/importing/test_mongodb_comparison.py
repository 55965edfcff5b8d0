"""A MongoDB that somebody damaged after the import: each damage is found and named."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pytest
from bson import ObjectId
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database

from authority_queries import Maintenance
from authority_queries.importing.comparing import (
    CompareOptions,
    Comparer,
    Comparison,
    KnownPassword,
    KnownToken,
    comparison_page,
)
from authority_queries.importing.importer import Importer, ImportOptions
from authority_queries.importing.sources import SourceOptions, open_source
from tests.importing.mongodb_demo import (
    MongoDemo,
    identity_hash,
    mongo_demo,
    reference_id,
    subject,
)
from tests.importing.mongodb_server import SERVERS, mongodb_database, mongodb_server
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version

Raw = dict[str, Any]
CODE: Final = "acme"


@pytest.fixture(scope="module", params=SERVERS)
def mongodb(request: pytest.FixtureRequest) -> Iterator[str]:
    with mongodb_server(request.param) as url:
        yield url


def compare(home: Place, url: str, demo: MongoDemo) -> Comparison:
    options = SourceOptions(location=SecretStr(url), tenant=CODE)
    source = open_source("mongodb", options)
    passwords = [
        KnownPassword(line=line, tenant=CODE, username=name, password=password)
        for line, (name, password) in enumerate(demo.passwords.items(), 1)
    ]
    tokens = [
        KnownToken(line=line, tenant=CODE, token=string)
        for line, (name, string) in enumerate(demo.references.items(), 1)
        if name.startswith(("access of", "refresh of"))
    ]
    with Comparer.open(home.settings("owner")) as comparer:
        found = comparer.compare(
            source,
            CompareOptions(tenant=CODE, sample=None),
            passwords=passwords,
            tokens=tokens,
        )
    source.close()
    return found


def import_all(home: Place, url: str) -> None:
    options = SourceOptions(location=SecretStr(url), tenant=CODE)
    source = open_source("mongodb", options)
    with Importer.open(home.settings("owner")) as importer:
        assert importer.run(source, ImportOptions(tenant=CODE)).refusals == 0
    source.close()


def accept_tokens(home: Place) -> None:
    with (
        Maintenance.open(home.settings("maintenance")) as opened,
        opened.store() as store,
    ):
        found = store.tenants.get_by_code(code=CODE)
        assert found is not None
        store.tenants.accept_foreign_tokens(
            tenant_id=found.id, lifetime=timedelta(hours=1)
        )


@dataclass(frozen=True)
class House:
    """The database that is damaged, and what it had."""

    database: "Database[Raw]"
    demo: MongoDemo

    def change(self, collection: str, key: object, change: Mapping[str, Any]) -> None:
        done = self.database[collection].update_one({"_id": key}, change)
        assert done.modified_count == 1

    def id_of(self, collection: str, **fields: object) -> Any:
        """The key of the only document with these fields."""
        [found] = [
            each["_id"]
            for each in self.demo.documents[collection]
            if fields.items() <= each.items()
        ]
        return found

    def token(self, state: str, owner: str) -> Any:
        string = self.demo.references[f"{state} of {subject(CODE, owner)}"]
        return self.id_of("openiddict.tokens", reference_id=reference_id(string))

    def family(self, kind: str, owner: str) -> Any:
        return self.id_of(
            "openiddict.authorizations", type=kind, subject=subject(CODE, owner)
        )


# What, kind and field.
Found = tuple[str, str, str | None]
Damage = Callable[[House], None]


def _lose_a_user(house: House) -> None:
    key = house.id_of("users", UserName="bob")
    assert house.database["users"].delete_one({"_id": key}).deleted_count == 1


def _add_a_client(house: House) -> None:
    [copy] = [
        each
        for each in house.demo.documents["openiddict.applications"]
        if each["client_id"] == "acme-batch"
    ]
    added = {**copy, "_id": ObjectId(), "client_id": "acme-evil"}
    house.database["openiddict.applications"].insert_one(added)


def _change_a_field(house: House) -> None:
    key = house.id_of("openiddict.applications", client_id="acme-web")
    uris = ["https://evil.example/callback"]
    house.change("openiddict.applications", key, {"$set": {"redirect_uris": uris}})


def _change_a_hash(house: House) -> None:
    key = house.id_of("users", UserName="Ann")
    hashed = identity_hash("another password")
    house.change("users", key, {"$set": {"PasswordHash": hashed}})


def _lose_a_role(house: House) -> None:
    key = house.id_of("users", UserName="Ann")
    house.change("users", key, {"$pop": {"Roles": 1}})


def _move_a_time(house: House) -> None:
    key = house.token("access", "Ann")
    [token] = [
        each for each in house.demo.documents["openiddict.tokens"] if each["_id"] == key
    ]
    moved = token["expiration_date"] + timedelta(milliseconds=2)
    house.change("openiddict.tokens", key, {"$set": {"expiration_date": moved}})


def _lose_a_scope(house: House) -> None:
    key = house.family("permanent", "Ann")
    house.change("openiddict.authorizations", key, {"$pop": {"scopes": 1}})


def _change_an_object(house: House) -> None:
    key = house.id_of("openiddict.scopes", name="invoices.read")
    house.change("openiddict.scopes", key, {"$set": {"properties.risk": "high"}})


def _swap_a_family(house: House) -> None:
    key, other = house.token("refresh", "Ann"), house.family("permanent", "bob")
    house.change("openiddict.tokens", key, {"$set": {"authorization_id": other}})


def _revive_a_token(house: House) -> None:
    key = house.token("revoked", "bob")
    house.change("openiddict.tokens", key, {"$set": {"status": "valid"}})


def _change_a_reference(house: House) -> None:
    key = house.token("access", "bob")
    other = reference_id("another string")
    house.change("openiddict.tokens", key, {"$set": {"reference_id": other}})


def _change_a_secret(house: House) -> None:
    key = house.id_of("openiddict.applications", client_id="acme-batch")
    hashed = identity_hash("another secret")
    house.change("openiddict.applications", key, {"$set": {"client_secret": hashed}})


DAMAGES: Final[Mapping[Damage, Sequence[Found]]] = {
    _lose_a_user: [
        ("only here", "user", None),
        ("only here", "user_identity", None),
        ("only here", "user_role", None),
    ],
    _add_a_client: [
        ("missing here", "client", None),
        ("missing here", "client_secret", None),
    ],
    _change_a_field: [("differs", "client", "redirect_uris")],
    _change_a_hash: [("differs", "user", "password_hash")],
    _lose_a_role: [("only here", "user_role", None)],
    _move_a_time: [("differs", "token", "expires_at")],
    # A token has no scopes of its own there.
    _lose_a_scope: [
        ("differs", "authorization", "scopes"),
        ("differs", "consent", "scopes"),
        ("differs", "token", "scopes"),
        ("differs", "token", "scopes"),
    ],
    _change_an_object: [("differs", "scope", "properties")],
    _swap_a_family: [("differs", "token", "authorization")],
    _revive_a_token: [
        ("differs", "token", "revoked_at"),
        ("differs", "token", "revocation_reason"),
    ],
    _change_a_reference: [
        ("missing here", "token", None),
        ("only here", "token", None),
    ],
    _change_a_secret: [("differs", "client_secret", "secret_hash")],
}


def test_each_damage_is_found_and_no_other(home: Place, mongodb: str) -> None:
    demo = mongo_demo(CODE)
    with (
        mongodb_database(mongodb, demo.documents) as url,
        MongoClient[Raw](url) as client,
    ):
        import_all(home, url)
        early = compare(home, url, demo)
        assert {each.reason for check in early.checks for each in check.failures} == {
            "the tenant does not accept tokens of another store"
        }
        accept_tokens(home)
        before = compare(home, url, demo)
        assert [each for each in before.findings if each.rule is None] == []
        assert before.is_same
        assert [(each.tried, each.verified) for each in before.checks] == [
            (2, 2),
            (4, 4),
        ]
        house = House(client.get_default_database(), demo)
        for damage in DAMAGES:
            damage(house)
        after = compare(home, url, demo)
    found = Counter[Found]()
    for each in after.findings:
        if each.rule is None:
            found[each.what, each.kind, each.field] += each.count
    assert found == Counter(each for found_of in DAMAGES.values() for each in found_of)
    report = json.dumps(after.as_json()) + comparison_page(after)
    secrets = [*demo.passwords.values(), *demo.references.values()]
    secrets += [identity_hash(password) for password in demo.passwords.values()]
    assert [each for each in secrets if each in report] == []
