"""The functions of the database that import entries, on each version of PostgreSQL."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from authority_queries import Importer
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import UserIdentityEntry
from authority_queries.importing.writing.tables import TABLES
from tests.importing.memory import (
    CONSENT,
    EVERY_KIND,
    LATER,
    SESSION,
    THEN,
    client,
    documents,
    every_kind,
    tenant,
    token,
    user,
)
from tests.importing.running import reasons, rows, run
from tests.operations.moving import Place


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
