"""`Comparer`: what differs between a source and the rows here is found and named."""

import json
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from authority_queries import Authority, hash_password
from authority_queries.importing.comparing import (
    CompareOptions,
    Comparer,
    Comparison,
    comparison_page,
)
from authority_queries.importing.comparing.results import Finding
from authority_queries.importing.comparing.sampling import Sample
from authority_queries.importing.documents import Collection, Document
from authority_queries.importing.importer import Importer
from tests.importing.damages import DAMAGES, SECRETS, Damage, Found, damage, house
from tests.importing.memory import (
    EVERY_KIND,
    MemorySource,
    digest,
    documents,
    token,
    user,
)
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version

FULL = CompareOptions(sample=None)


@pytest.fixture(scope="module")
def imported(home: Place) -> Place:
    """A database with the rows of `house`."""
    with Importer.open(home.settings("owner")) as importer:
        summary = importer.run(house())
    assert [each.refused for each in summary.collections if each.refused] == []
    return home


def compare(
    place: Place, source: MemorySource, options: CompareOptions = FULL
) -> Comparison:
    with Comparer.open(place.settings("owner")) as comparer:
        return comparer.compare(source, options)


def unexplained(found: Comparison) -> list[Finding]:
    return [each for each in found.findings if each.rule is None]


def named(findings: Sequence[Finding]) -> list[Found]:
    return sorted(
        (
            (each.what, each.kind, each.field, example.tenant, example.document)
            for each in findings
            for example in each.examples
        ),
        key=str,
    )


def expected(*damages: Damage) -> list[Found]:
    return sorted((found for each in damages for found in each.found), key=str)


def changed(collection: str, change: Mapping[str, Document | None]) -> MemorySource:
    """The house after documents were replaced, removed (None) or added."""
    source = house()
    kept: dict[str, Document | None] = {
        each.id: each for each in source.held[collection]
    }
    kept |= change
    left = [each for each in kept.values() if each is not None]
    return MemorySource({**source.held, collection: left})


def test_imported_rows_do_not_differ(imported: Place) -> None:
    found = compare(imported, house())
    assert unexplained(found) == []
    assert found.is_same
    kinds = {each.kind for each in found.rows if each.source}
    assert kinds == {each.kind for each in EVERY_KIND}
    assert all(each.missing == 0 for each in found.rows)
    counts = {
        (each.collection, each.tenant): (each.documents, each.compared)
        for each in found.collections
    }
    assert counts["users", "acme"] == (7, 7)
    assert counts["others", "other"] == (2, 2)


def test_changes_of_the_source_are_found(imported: Place) -> None:
    [eve] = [each for each in house().held["users"] if each.id == "user-4"]
    later = replace(eve, entries=[user("eve", display_name="Eve", email="e@x.test")])
    found = compare(imported, changed("users", {"user-4": later, "user-6": None}))
    assert named(unexplained(found)) == [
        ("differs", "user", "attributes", "acme", "users user-4"),
        ("differs", "user", "display_name", "acme", "users user-4"),
        ("differs", "user", "email", "acme", "users user-4"),
        ("differs", "user", "password_hash", "acme", "users user-4"),
        ("only here", "user", None, "acme", "gus"),
    ]
    [email] = [each for each in unexplained(found) if each.field == "email"]
    assert (email.examples[0].source, email.examples[0].here) == (
        "e@x.test",
        "eve@example.com",
    )


def test_one_tenant_is_compared_alone(imported: Place) -> None:
    found = compare(imported, house(), replace(FULL, tenant="other"))
    assert {each.tenant for each in found.rows} == {"other"}
    assert found.is_same


def test_a_row_that_expired_may_be_missing(imported: Place) -> None:
    now = datetime.now(UTC)
    over, live = documents(
        [token("over", user="bob", expires_at=now - timedelta(days=1))],
        [token("live", user="bob", expires_at=now + timedelta(days=1))],
    )
    found = compare(imported, changed("tokens", {"over": over, "live": live}))
    missing = [each for each in found.findings if each.what == "missing here"]
    assert [(each.rule, each.examples[0].document) for each in missing] == [
        (None, "tokens doc-2"),
        ("expired", "tokens doc-1"),
    ]


def test_a_sample_has_the_same_documents_in_each_run() -> None:
    held = documents(*([user(f"u{number}")] for number in range(200)))

    def sample(seed: str, held: Sequence[Document]) -> set[str]:
        found = Sample(20, seed=seed, collection="users")
        for each in held:
            found.offer(each)
        return {each.id for each in found}

    first = sample("a", held)
    assert len(first) == 20
    assert sample("a", held[::-1]) == first
    assert sample("b", held) != first
    assert len(first - sample("a", held[:150])) <= 20 * 50 / 150 + 10


def test_keys_are_compared_of_documents_outside_the_sample(imported: Place) -> None:
    added = Document(id="new", position=99, tenant="acme", entries=[user("new")])
    source = changed("users", {"new": added, "user-6": None})
    found = compare(imported, source, CompareOptions(sample=0))
    assert named(unexplained(found)) == [
        ("missing here", "user", None, "acme", "users new"),
        ("only here", "user", None, "acme", "gus"),
    ]
    assert {each.compared for each in found.collections} == {0}


@dataclass
class ManyTokens:
    """A source that makes each document when it is read."""

    number: int
    name: str = "many"

    def collections(self) -> Sequence[Collection]:
        return [Collection(name="tokens")]

    def read(self, collection: str, *, after: JsonValue = None) -> Iterator[Document]:
        assert (collection, after) == ("tokens", None)
        for number in range(self.number):
            entry = token(f"many-{number}", user="bob", scopes=("openid",))
            yield Document(
                id=str(number), position=number, tenant="nobody", entries=[entry]
            )

    def close(self) -> None:
        pass


def test_memory_does_not_grow_with_the_source(imported: Place) -> None:
    peaks = []
    with Comparer.open(imported.settings("owner")) as comparer:
        for number in (2000, 8000):
            tracemalloc.start()
            found = comparer.compare(ManyTokens(number), CompareOptions(sample=None))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert found.unexplained == number
    assert peaks[1] < peaks[0] + (256 << 10)


def test_what_happened_here_since_the_import_is_explained(imported: Place) -> None:
    in_use_since = datetime.now(UTC)
    with Authority.open(imported.settings("app")) as authority:
        acme = authority.find_tenant("acme")
        assert acme is not None
        with authority.tenant(acme) as store:
            store.users.create(tenant_id=acme, username="new", subject_id="new")
            cy = store.users.get_by_subject_id(tenant_id=acme, subject_id="cy")
            assert cy is not None
            store.users.update(
                tenant_id=acme,
                user_id=cy.id,
                row_version=cy.row_version,
                username="CY",
                email="CY@example.com",
                display_name="Cy",
                status=cy.status,
                attributes=cy.attributes,
            )
            ida = store.users.get_by_subject_id(tenant_id=acme, subject_id="ida")
            assert ida is not None
            store.users.set_password_hash(
                tenant_id=acme,
                user_id=ida.id,
                row_version=ida.row_version,
                password_hash=hash_password("swordfish"),
            )
            assert store.tokens.revoke(
                tenant_id=acme,
                token_hash=digest("cy's"),
                client_id="web",
                reason="lost",
            )
    known = compare(imported, house(), replace(FULL, in_use_since=in_use_since))
    rules = {
        (each.rule, each.kind, each.field)
        for each in known.findings
        if each.rule not in ("set by the import", "row of the system")
    }
    assert rules >= {
        ("case of names", "user", "username"),
        ("case of names", "user", "email"),
        ("changed here", "user", "display_name"),
        ("password hashed again", "user", "password_hash"),
        ("used here", "token", "revoked_at"),
        ("created here", "user", None),
    }
    assert unexplained(known) == []
    unknown = compare(imported, house())
    assert {(each.what, each.kind, each.field) for each in unexplained(unknown)} == {
        ("only here", "user", None),
        ("only here", "revocation", None),
        ("differs", "user", "display_name"),
        ("differs", "user", "password_hash"),
        ("differs", "user", "updated_at"),
        ("differs", "token", "revoked_at"),
        ("differs", "token", "revocation_reason"),
        ("differs", "revocation_sequence", "last_sequence"),
        ("differs", "revocation_sequence", "updated_at"),
    }
    assert not unknown.is_same


def test_each_damage_is_found_and_named(imported: Place) -> None:
    assert len(DAMAGES) >= 10
    before = compare(imported, house())
    damage(imported.dba, DAMAGES)
    found = compare(imported, house())
    known = {*named(unexplained(before))}
    new = [each for each in named(unexplained(found)) if each not in known]
    assert new == expected(*DAMAGES)
    report = json.dumps(found.as_json()) + comparison_page(found)
    assert [secret for secret in SECRETS if secret in report] == []
    assert "https://evil.example/" in report
