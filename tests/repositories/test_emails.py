"""Verified addresses: found in any case, of one user only, lost with the address."""

import pytest

from authority_queries import Store
from authority_queries.errors import DuplicateError, InvalidValueError
from authority_queries.records import User
from tests.factories import make_tenant, make_user

ADDRESS = "Ann@Example.com"


def verified(store: Store, user: User, email: str) -> User | None:
    return store.users.verify_email(
        tenant_id=user.tenant_id, user_id=user.id, email=email
    )


def found(store: Store, user: User, email: str) -> User | None:
    return store.users.get_by_verified_email(tenant_id=user.tenant_id, email=email)


def with_email(store: Store, user: User, email: str | None) -> User:
    return store.users.update(
        tenant_id=user.tenant_id,
        user_id=user.id,
        row_version=user.row_version,
        username=user.username,
        email=email,
        display_name=user.display_name,
        status=user.status,
        attributes=user.attributes,
    )


def test_only_a_verified_address_finds_its_user(store: Store) -> None:
    user = make_user(store, make_tenant(store).id, email=ADDRESS)
    assert not user.email_verified
    assert found(store, user, ADDRESS) is None
    now = verified(store, user, "ann@EXAMPLE.com")
    assert now is not None
    assert (now.email, now.email_verified, now.row_version) == (ADDRESS, True, 2)
    for email in (ADDRESS, "ann@example.com", "ANN@EXAMPLE.COM"):
        assert found(store, user, email) == now
    for email in ("nan@example.com", "ann@example.com ", "", "no address"):
        assert found(store, user, email) is None
    elsewhere = make_user(store, make_tenant(store).id, email=ADDRESS)
    assert verified(store, elsewhere, ADDRESS) is not None


def test_only_ascii_letters_are_equal_in_both_cases(store: Store) -> None:
    user = make_user(
        store, make_tenant(store).id, email="mike@example.com", email_verified=True
    )
    # A dotless i, a Kelvin sign: folded, they would be the address of somebody else.
    for email in ("m\u0131ke@example.com", "mi\u212ae@example.com"):
        assert found(store, user, email) is None
        make_user(store, user.tenant_id, email=email, email_verified=True)


def test_another_address_is_not_verified(store: Store) -> None:
    user = make_user(store, make_tenant(store).id, email=ADDRESS, email_verified=True)
    spelt = with_email(store, user, ADDRESS.lower())
    assert (spelt.email, spelt.email_verified) == (ADDRESS.lower(), True)
    moved = with_email(store, spelt, "new@example.com")
    assert not moved.email_verified
    # The link in the mail to the former address comes too late.
    assert verified(store, moved, ADDRESS) is None
    assert found(store, moved, ADDRESS) is None
    assert not with_email(store, moved, None).email_verified
    other = make_user(store, user.tenant_id, email=ADDRESS)
    assert verified(store, other, ADDRESS) is not None


def test_two_users_cannot_verify_the_same_address(store: Store) -> None:
    tenant_id = make_tenant(store).id
    first = make_user(store, tenant_id, email=ADDRESS)
    second = make_user(store, tenant_id, email=ADDRESS.upper())
    assert verified(store, first, ADDRESS) is not None
    with pytest.raises(DuplicateError, match="email") as caught:
        verified(store, second, ADDRESS)
    assert caught.value.argument == "email"
    with pytest.raises(DuplicateError) as caught:
        make_user(store, tenant_id, email=ADDRESS, email_verified=True)
    assert caught.value.argument == "email"
    store.users.delete(tenant_id=tenant_id, user_id=first.id)
    assert verified(store, second, ADDRESS) is not None


def test_a_user_without_an_address_has_verified_none(store: Store) -> None:
    with pytest.raises(InvalidValueError, match="requires an email") as caught:
        make_user(store, make_tenant(store).id, email_verified=True)
    assert caught.value.argument == "email"
