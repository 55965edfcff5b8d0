"""`Importer`: documents become rows, once, or are refused with a reason."""

from collections import Counter
from uuid import UUID

import pytest

from authority_queries import (
    Authority,
    Importer,
    Maintenance,
    verify_password,
)
from authority_queries.errors import UnavailableError
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    LoginAttemptEntry,
    UserRoleEntry,
)
from tests.importing.memory import (
    THEN,
    client,
    documents,
    dropping,
    every_kind,
    tenant,
    token,
    user,
)
from tests.importing.running import reasons, rows, run
from tests.operations.moving import Place

pytestmark = pytest.mark.one_version


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


def test_look_ups_do_not_scan_the_tenant(home: Place) -> None:
    """Plans that are made while a table is small do not outlive that."""
    count = 2000
    people: list[list[AnyEntry]] = [
        [user(f"u{number}"), UserRoleEntry(user=f"u{number}", role="auditor")]
        for number in range(count)
    ]
    held = documents([tenant("wide")], *people, tenant="wide")
    before = read_users(home)
    # A session reports what it has read when it ends.
    with Importer.open(home.settings("owner")) as importer:
        summary = run(importer, *held, batch_size=50)
    assert summary.created["user_role"] == count
    # Without statistics, a table of some hundred rows is scanned. A larger one is not.
    assert read_users(home) - before <= 800 * count


def read_users(home: Place) -> int:
    home.dba.execute("select pg_stat_clear_snapshot()")
    ((found,),) = rows(
        home,
        "select (seq_tup_read + idx_tup_fetch)::bigint from pg_stat_user_tables "
        "where relid = 'authority.users'::regclass",
    )
    assert isinstance(found, int)
    return found
