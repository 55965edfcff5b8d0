"""Accounts at other providers: linked to one user, found in one trip, and unlinked."""

from typing import Any
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import DuplicateError, MissingReferenceError
from authority_queries.records import User, UserIdentity
from authority_queries.testing import Clock
from tests.factories import HOUR, PHC, make_tenant, make_user
from tests.refusals import refusal_of
from tests.soft_authenticator import SoftAuthenticator, enroll

GOOGLE = "https://accounts.google.com"
ANN = {"name": "Ann", "picture": "https://example.com/ann.png"}


def link(
    store: Store, user: User, subject: str = "1", issuer: str = GOOGLE, **fields: Any
) -> UserIdentity:
    return store.user_identities.link(
        tenant_id=user.tenant_id,
        user_id=user.id,
        issuer=issuer,
        subject=subject,
        **fields,
    )


def unlink(store: Store, user: User, subject: str = "1", **fields: Any) -> str:
    return store.user_identities.unlink(
        tenant_id=user.tenant_id,
        user_id=user.id,
        issuer=GOOGLE,
        subject=subject,
        **fields,
    ).outcome


def subjects(store: Store, user: User) -> list[str]:
    listed = store.user_identities.list_by_user(
        tenant_id=user.tenant_id, user_id=user.id
    ).items
    return [identity.subject for identity in listed]


def test_a_linked_account_signs_its_user_in(store: Store, clock: Clock) -> None:
    user = make_user(store, make_tenant(store).id, email="ann@example.com")
    linked = link(store, user, profile=ANN)
    assert (linked.user_id, linked.profile, linked.last_used_at) == (user.id, ANN, None)
    key: dict[str, Any] = {
        "tenant_id": user.tenant_id,
        "issuer": GOOGLE,
        "subject": "1",
    }
    found = store.user_identities.find(**key)
    assert found is not None
    assert (found.user_id, found.subject_id) == (user.id, user.subject_id)
    assert (found.status, found.profile, found.last_used_at) == ("active", ANN, None)
    clock.advance(HOUR)
    signed_in = store.user_identities.sign_in(**key)
    assert signed_in is not None
    assert (signed_in.user_id, signed_in.profile) == (user.id, ANN)
    assert signed_in.last_used_at is not None
    assert signed_in.last_used_at - linked.created_at >= HOUR
    again = store.user_identities.sign_in(**key, profile={"name": "Anne"})
    assert again is not None
    assert again.profile == {"name": "Anne"}
    assert store.user_identities.find(**key) == again


def test_issuer_and_subject_are_compared_exactly(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    link(store, user, "aB")
    for issuer, subject in [(GOOGLE, "ab"), (GOOGLE + "/", "aB"), (GOOGLE, "aB ")]:
        found = store.user_identities.find(
            tenant_id=user.tenant_id, issuer=issuer, subject=subject
        )
        assert found is None
    elsewhere = make_user(store, make_tenant(store).id)
    assert link(store, elsewhere, "aB").user_id == elsewhere.id


@pytest.mark.parametrize("status", ["pending", "suspended"])
def test_a_user_who_is_not_active_is_found_and_not_signed_in(
    store: Store, status: str
) -> None:
    user = make_user(store, make_tenant(store).id, status=status)
    link(store, user)
    key: dict[str, Any] = {
        "tenant_id": user.tenant_id,
        "issuer": GOOGLE,
        "subject": "1",
    }
    assert store.user_identities.sign_in(**key) is None
    found = store.user_identities.find(**key)
    assert found is not None
    assert (found.status, found.last_used_at) == (status, None)


def test_a_suspended_tenant_signs_nobody_in(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    link(store, user)
    store.tenants.suspend(tenant_id=user.tenant_id)
    found = store.user_identities.sign_in(
        tenant_id=user.tenant_id, issuer=GOOGLE, subject="1"
    )
    assert found is None


def test_an_account_belongs_to_one_user(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    other = make_user(store, user.tenant_id)
    first = link(store, user, profile=ANN)
    same = link(store, user, profile={})
    assert (same.user_id, same.profile, same.created_at) == (
        user.id,
        {},
        first.created_at,
    )
    with pytest.raises(DuplicateError, match="another user") as caught:
        link(store, other, profile=ANN)
    assert caught.value.argument == "subject"
    assert subjects(store, other) == []
    with pytest.raises(MissingReferenceError) as missing:
        store.user_identities.link(
            tenant_id=user.tenant_id, user_id=uuid4(), issuer=GOOGLE, subject="2"
        )
    assert missing.value.constraint == "user_identities_tenant_id_user_id_fk"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", ""),
        ("issuer", "https://idp example"),
        ("issuer", "x" * 1025),
        ("subject", ""),
        ("subject", " a"),
        ("subject", "a\nb"),
        ("subject", "x" * 257),
        ("profile", [1]),
        ("profile", {"a": "x" * 70_000}),
    ],
)
def test_wrong_values_are_refused(store: Store, field: str, value: object) -> None:
    user = make_user(store, make_tenant(store).id)
    fields: dict[str, Any] = {field: value}
    with refusal_of(field):
        link(store, user, **fields)


def test_accounts_are_listed_by_user_and_deleted_with_the_user(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    other = make_user(store, user.tenant_id)
    for subject in ("b", "a"):
        link(store, user, subject)
    link(store, user, "c", issuer="a:saml")
    link(store, other, "d")
    assert subjects(store, user) == ["c", "a", "b"]
    assert store.users.delete(tenant_id=user.tenant_id, user_id=user.id)
    assert subjects(store, user) == []
    assert subjects(store, other) == ["d"]


def test_the_last_way_to_sign_in_stays(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    link(store, user, "1")
    link(store, user, "2")
    assert unlink(store, user, "3") == "not_linked"
    assert unlink(store, user, "1") == "unlinked"
    assert unlink(store, user, "1") == "not_linked"
    assert unlink(store, user, "2") == "last_sign_in"
    assert subjects(store, user) == ["2"]
    assert unlink(store, user, "2", is_last_allowed=True) == "unlinked"
    assert subjects(store, user) == []


def test_a_password_is_another_way_to_sign_in(store: Store) -> None:
    user = make_user(store, make_tenant(store).id, password_hash=PHC)
    link(store, user)
    assert unlink(store, user) == "unlinked"


@pytest.mark.parametrize(
    ("verifies_user", "outcome"), [(True, "unlinked"), (False, "last_sign_in")]
)
def test_a_passkey_that_verifies_its_user_is_another_way_to_sign_in(
    store: Store, *, verifies_user: bool, outcome: str
) -> None:
    user = make_user(store, make_tenant(store).id)
    link(store, user)
    device = SoftAuthenticator(user_handle=user.id.bytes, verifies_user=verifies_user)
    assert enroll(store, user, device).outcome == "enrolled"
    assert unlink(store, user) == outcome


def test_nobody_unlinks_the_account_of_another_user(store: Store) -> None:
    user = make_user(store, make_tenant(store).id, password_hash=PHC)
    other = make_user(store, user.tenant_id, password_hash=PHC)
    link(store, user)
    assert unlink(store, other) == "not_linked"
    assert unlink(store, other, is_last_allowed=True) == "not_linked"
    assert subjects(store, user) == ["1"]
