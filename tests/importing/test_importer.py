"""`Importer`: documents become rows, once, or are refused with a reason."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from authority_queries import (
    Authority,
    Importer,
    ImportOptions,
    ImportSummary,
    Maintenance,
    verify_password,
)
from authority_queries.errors import UnavailableError
from authority_queries.importing.documents import Document, derive_id
from authority_queries.importing.entries import (
    LoginAttemptEntry,
    UserIdentityEntry,
    UserRoleEntry,
)
from authority_queries.importing.writing.tables import TABLES
from tests.importing.memory import (
    CONSENT,
    EVERY_KIND,
    LATER,
    SESSION,
    THEN,
    MemorySource,
    client,
    documents,
    dropping,
    every_kind,
    tenant,
    token,
    user,
)
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version


@pytest.fixture
def importer(home: Place) -> Iterator[Importer]:
    with Importer.open(home.settings("owner")) as opened:
        yield opened


def run(importer: Importer, *held: Document, **options: Any) -> ImportSummary:
    return importer.run(MemorySource({"all": held}), ImportOptions(**options))


def reasons(summary: ImportSummary) -> dict[str, str]:
    return {each.id: each.reason for one in summary.collections for each in one.refused}


def rows(home: Place, query: str, *values: object) -> "list[tuple[Any, ...]]":
    return home.dba.execute(query.encode(), values).fetchall()


def test_every_kind_is_imported_once(importer: Importer) -> None:
    expected = Counter[str](entry.kind for entry in EVERY_KIND)
    assert set(expected) == set(TABLES)
    first = importer.run(every_kind())
    assert reasons(first) == {}
    # The tenant came with its own admin and openid.
    assert first.existing == Counter(role=1, scope=1)
    assert first.created == expected - first.existing
    again = importer.run(every_kind())
    assert (again.created, again.existing) == (Counter(), expected)


def test_imported_rows_are_those_of_the_entries(
    importer: Importer, home: Place
) -> None:
    importer.run(every_kind())
    assert rows(home, "select id, code from authority.tenants where code = 'acme'") == [
        (derive_id("acme", "tenant", "acme"), "acme")
    ]
    assert rows(
        home,
        "select id, username, username_key, email_key, attributes, created_at, "
        "updated_at from authority.users where subject_id = 'ann'",
    ) == [
        (
            UUID(int=13),
            "Ann",
            "ann",
            "ann@example.com",
            {"locale": "de", "ages": [1, 2.5, None], "ü": "\u2028"},
            THEN,
            THEN,
        )
    ]
    # The refresh token outlives its family's own time.
    assert rows(
        home,
        "select user_id, consent_id, session_id, amr, tokens_expire_at "
        "from authority.authorizations",
    ) == [(UUID(int=13), CONSENT, SESSION, ["pwd"], LATER)]
    assert rows(
        home,
        "select redeemed_at, octet_length(redemption_hash), payload, authenticated_at "
        "from authority.tokens where type = 'refresh'",
    ) == [(THEN + timedelta(hours=1), 32, b"\x00secret", THEN)]
    assert rows(
        home,
        "select metric, used, allowance from authority.license_usage_totals "
        "order by metric",
    ) == [("calls", 40, 100), ("reports", 3, None)]
    assert rows(home, "select last_sequence from authority.revocation_sequences") == [
        (9,)
    ]
    # A system role of the source is the tenant's own.
    assert rows(
        home,
        "select roles.description from authority.user_roles "
        "inner join authority.roles on user_roles.role_id = roles.id "
        "where roles.name = 'admin'",
    ) == [("Runs the tenant: everything.",)]


def test_a_user_signs_in_with_the_old_password(importer: Importer, home: Place) -> None:
    importer.run(every_kind())
    with Authority.open(home.settings("app")) as authority:
        acme = derive_id("acme", "tenant", "acme")
        with authority.tenant(acme) as store:
            found = store.users.get_by_username(tenant_id=acme, username="ANN")
    assert found is not None
    assert verify_password(found.password_hash, "correct horse")


def test_one_audit_event_says_that_a_tenant_was_imported(
    importer: Importer, home: Place
) -> None:
    summary = run(
        importer, *documents([tenant("umbra")], [user()], [user("bob")], tenant="umbra")
    )
    assert summary.created == Counter(tenant=1, user=2)
    assert rows(
        home,
        "select action, is_change, changes, actor_kind from authority.audit_events "
        "where tenant_id = %s",
        derive_id("umbra", "tenant", "umbra"),
    ) == [
        (
            "tenants.import",
            True,
            {"run": str(summary.header.run), "source": "memory"},
            "login",
        )
    ]


def test_a_refused_document_is_named_and_the_others_are_imported(
    importer: Importer, home: Place
) -> None:
    """Checks in Python, constraints, missing rows, and what other documents need."""
    held = documents(
        [tenant("fox")],
        [user("one")],
        [user("two", username="\u202ename")],
        [user("three", username="ONE")],
        [user("four", password_hash="plain text")],
        [user("five", email="no address")],
        [user("six"), UserRoleEntry(user="six", role="unknown")],
        [client("web"), client("app", backchannel_logout_uri="no uri")],
        [token("a")],
        [user("seven", display_name="\x00")],
        [user("eight", attributes={"a": float("inf")})],
        [user("nine")],
        tenant="fox",
    )
    summary = run(importer, *held)
    found = reasons(summary)
    assert {key: reason.partition(" (")[0] for key, reason in found.items()} == {
        "doc-3": "username must be 1 to 256 characters that RFC 8265 allows, with no "
        "more than single spaces inside",
        "doc-4": "users has another row with this username_key",
        "doc-5": "password_hash must be a PHC string from hash_password, or a hash "
        "from convert_password_hash",
        "doc-6": "email must be one address of at most 254 characters, such as "
        "ann@example.com, without spaces, quotes and control characters",
        "doc-7": "role names a role that was not imported",
        "doc-8": "clients does not allow this backchannel_logout_uri",
        "doc-9": "client names a client that was not imported",
        "doc-10": "a value cannot be stored as given",
        "doc-11": "a number is not finite, or an object is nested too deeply",
    }
    assert summary.created == Counter(tenant=1, user=2)
    assert rows(
        home,
        "select subject_id from authority.users where tenant_id = %s order by 1",
        derive_id("fox", "tenant", "fox"),
    ) == [("nine",), ("one",)]


def test_nothing_is_added_to_the_row_of_somebody_else(
    importer: Importer, home: Place
) -> None:
    """A second user of a sub, and an identity that another user has."""
    identity = UserIdentityEntry(issuer="https://idp", subject="s", user="ann")
    first = documents(
        [tenant("owl"), client()],
        [user(id=UUID(int=1)), identity],
        [user("bob", id=UUID(int=2))],
        tenant="owl",
    )
    run(importer, *first)
    other = identity.model_copy(update={"user": "bob"})
    summary = run(
        importer,
        *documents(
            [user(id=UUID(int=3), username="Eve"), token("mine", user="ann")],
            [other],
            [user("eve", id=UUID(int=4))],
            tenant="owl",
        ),
    )
    assert reasons(summary) == {
        "doc-1": "user of this key is stored already, of another owner or with another "
        "id",
        "doc-2": "user identity of this key is stored already, of another owner or "
        "with another id",
    }
    assert summary.created == Counter(user=1)


def test_a_sub_is_the_name_of_no_machine(importer: Importer) -> None:
    held = documents(
        [tenant("elk")],
        [client("x")],
        [user("x")],
        [user("y")],
        [client("y")],
        tenant="elk",
    )
    expected = {
        "doc-3": "its name is that of a client (RFC 9068 section 5)",
        "doc-5": "its name is that of a user (RFC 9068 section 5)",
    }
    assert reasons(run(importer, *held)) == expected
    assert reasons(run(importer, *held)) == expected


def test_the_tenant_of_a_document(importer: Importer, home: Place) -> None:
    """Of documents that name none, and of others that are not asked for."""
    named = documents([tenant("ant")], [user()], tenant="ant")
    bare = documents([user()], [user("bob")], tenant=None, name="bare")
    assert reasons(run(importer, *bare)) == dict.fromkeys(
        ("bare-1", "bare-2"), "it names no tenant: name one by --tenant"
    )
    stranger = documents([user()], tenant="unknown")
    assert reasons(run(importer, *stranger)) == {
        "doc-1": "its tenant is not in the database, and was not imported"
    }
    summary = run(importer, *named, *bare, tenant="bee")
    assert summary.collections[0].skipped == 2
    # The named tenant was created.
    assert summary.created == Counter(tenant=1, user=2)
    assert rows(
        home, "select code from authority.tenants where code in ('ant', 'bee')"
    ) == [("bee",)]


def test_an_existing_tenant_is_used(importer: Importer, home: Place) -> None:
    with (
        Maintenance.open(home.settings("maintenance")) as maintenance,
        maintenance.store() as store,
    ):
        mine = store.tenants.create(code="yak", display_name="Mine")
    held = documents([tenant("yak")], [user()], tenant="yak")
    summary = run(importer, *held)
    assert (summary.created, summary.existing) == (Counter(user=1), Counter(tenant=1))
    assert rows(
        home,
        "select tenants.display_name from authority.tenants inner join authority.users "
        "on tenants.id = users.tenant_id where tenants.id = %s",
        mine.id,
    ) == [("Mine",)]


def test_a_log_outlives_its_users(importer: Importer) -> None:
    attempt = LoginAttemptEntry(
        id=UUID(int=1), username="gone", user="gone", outcome="failed", created_at=THEN
    )
    held = documents([tenant("cat")], [attempt], tenant="cat")
    held[1] = dropping(held[1], "Colour")
    summary = run(importer, *held)
    assert summary.created == Counter(tenant=1, login_attempt=1)
    assert summary.collections[0].dropped == Counter(
        {("user", "the user was not imported"): 1, ("Colour", "unknown field"): 1}
    )


def test_a_dry_run_writes_nothing(importer: Importer, home: Place) -> None:
    query = "select count(*) from authority.tenants"
    before = rows(home, query)
    held = documents([tenant("dry")], [user()], [user("bob", email="x")], tenant="dry")
    summary = run(importer, *held, dry_run=True, batch_size=1)
    assert (summary.created, [*reasons(summary)]) == (
        Counter(tenant=1, user=1),
        ["doc-3"],
    )
    assert rows(home, query) == before


@pytest.mark.parametrize("kind", ["app", "maintenance", "reader"])
def test_no_other_login_imports(home: Place, kind: str) -> None:
    with (
        pytest.raises(UnavailableError, match="log in as the owner"),
        Importer.open(home.settings(kind)) as importer,
    ):
        importer.run(every_kind())


@pytest.mark.parametrize("kind", ["app", "maintenance", "reader"])
def test_no_other_login_executes_the_functions(home: Place, kind: str) -> None:
    functions = rows(
        home,
        "select p.oid::regprocedure::text, "
        "has_function_privilege(%s, p.oid, 'execute') from pg_proc as p "
        "where pronamespace = 'authority'::regnamespace and proname ~ "
        "'^(import_|find_named|find_other|settle_import|record_import)'",
        f"authority_{kind}",
    )
    assert len(functions) == 7
    assert not any(may for _, may in functions)
