"""Tenants with the objects of the work: clients, users, licences."""

from dataclasses import dataclass, field
from random import Random
from uuid import UUID, uuid4

from authority_queries import Store
from authority_queries.records import Client, License, User
from tests.factories import make_client, make_license, make_tenant, make_user
from tests.soak.token_lives import Subject
from tests.stores import Logins, routed_store

CALLBACK = "https://app.example/cb"
APPS, PEOPLE = 2, 3
SEATS, LIMIT = 5, 2000


@dataclass(eq=False)
class App:
    """A client that may use every grant without asking the user."""

    client: Client
    subject: Subject = field(default_factory=lambda: Subject("client"))


@dataclass(eq=False)
class Person:
    """A user, until it is deleted and another one takes the place."""

    user: User
    subject: Subject = field(default_factory=lambda: Subject("user"))
    increments: int = 0
    unknown_increments: int = 0


@dataclass(eq=False)
class Home:
    """A tenant of one process: another process's calls are not in its ledger."""

    tenant_id: UUID
    apps: list[App]
    people: list[Person]
    license: License
    limited: License

    def app(self, chance: Random) -> App:
        return chance.choice(self.apps)

    def person(self, chance: Random) -> Person:
        return chance.choice(self.people)


def make_homes(logins: Logins, count: int) -> list[Home]:
    with routed_store(logins) as store:
        return [_make_home(store) for _ in range(count)]


def _make_home(store: Store) -> Home:
    tenant_id = make_tenant(store, code=f"soak-{uuid4()}").id
    apps = [
        App(
            make_client(
                store, tenant_id, redirect_uris=[CALLBACK], consent_type="implicit"
            )
        )
        for _ in range(APPS)
    ]
    people = [
        Person(make_user(store, tenant_id, attributes={"n": 0})) for _ in range(PEOPLE)
    ]
    options = {"seats": SEATS, "usage_period": "year"}
    _, free = make_license(store, tenant_id, limits={"calls": None}, **options)
    _, limited = make_license(store, tenant_id, limits={"calls": LIMIT}, **options)
    return Home(tenant_id, apps, people, free, limited)
