from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypedDict
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.engine.runtime import (
    JsonObject,
)
from authority_queries.errors import (
    ConcurrencyConflictError,
    DuplicateError,
    InvalidArgumentError,
    MissingReferenceError,
    NotFoundError,
)
from authority_queries.records import (
    User,
    UserStatus,
)
from authority_queries.secrets import TokenString
from tests.factories import (
    PHC,
    make_authorization,
    make_client,
    make_tenant,
    make_token,
    make_user,
)
from tests.refusals import refusal_of
from tests.repositories.paging import cursor_at, pages_of
from tests.stores import Logins

FUTURE = datetime(2999, 1, 1, tzinfo=UTC)


class Edit(TypedDict):
    username: str
    email: str | None
    display_name: str
    status: UserStatus
    attributes: JsonObject


EDIT: Edit = {
    "username": "Beate",
    "email": "beate@example.org",
    "display_name": "Beate B.",
    "status": "pending",
    "attributes": {"locale": "de", "tags": [1, None]},
}


def verifies(store: Store, user: User, string: TokenString) -> bool:
    token = store.tokens.verify(tenant_id=user.tenant_id, token_hash=string.hash)
    return token is not None


def usernames(store: Store, tenant_id: UUID, **filters: Any) -> list[str]:
    page = store.users.list(tenant_id=tenant_id, **filters)
    return [user.username for user in page.items]


def test_a_created_user_is_found_by_each_of_its_keys(store: Store) -> None:
    tenant_id = make_tenant(store).id
    user = make_user(store, tenant_id, password_hash=PHC, **EDIT)
    expected = replace(
        user,
        tenant_id=tenant_id,
        username_key="beate",
        password_hash=PHC,
        tokens_valid_after=None,
        row_version=1,
        **EDIT,
    )
    assert user == expected
    assert store.users.get_by_id(tenant_id=tenant_id, user_id=user.id) == user
    assert store.users.get_by_username(tenant_id=tenant_id, username="Beate") == user
    found = store.users.get_by_subject_id(
        tenant_id=tenant_id, subject_id=user.subject_id
    )
    assert found == user


def test_a_user_needs_only_a_tenant_and_a_username(store: Store) -> None:
    tenant_id = make_tenant(store).id
    user = store.users.create(tenant_id=tenant_id, username="ann")
    defaults = replace(
        user,
        email=None,
        email_verified=False,
        display_name="",
        password_hash=None,
        status="active",
        attributes={},
    )
    assert user == defaults
    with pytest.raises(MissingReferenceError) as caught:
        store.users.create(tenant_id=uuid4(), username="ann")
    assert caught.value.constraint == "users_tenant_id_fk"


def test_an_unknown_user_is_not_found(store: Store) -> None:
    tenant_id, nobody = make_tenant(store).id, uuid4()
    assert store.users.get_by_id(tenant_id=tenant_id, user_id=nobody) is None
    assert store.users.get_by_username(tenant_id=tenant_id, username="no") is None
    assert store.users.get_by_subject_id(tenant_id=tenant_id, subject_id="no") is None
    assert store.user_roles.list_by_user(tenant_id=tenant_id, user_id=nobody) == []
    assert store.users.revoke_tokens(tenant_id=tenant_id, user_id=nobody) is None
    with pytest.raises(NotFoundError):
        store.users.set_password_hash(
            tenant_id=tenant_id, user_id=nobody, row_version=1, password_hash=PHC
        )


@pytest.mark.parametrize(
    ("username", "same"),
    [
        ("Ann", "aNN"),
        ("Ann", "\uff21\uff2e\uff2e"),  # fullwidth letters
        ("\u00c4nn", "a\u0308nn"),  # a combining diaeresis
        ("k1", "\u212a1"),  # the Kelvin sign
        ("stra\u00dfe", "STRASSE"),
        ("\u039f\u0394\u03a5\u03a3", "\u03bf\u03b4\u03c5\u03c2"),  # a final sigma
        ("\u0130STANBUL", "i\u0307stanbul"),
        ("ISTANBUL", "istanbul"),
    ],
)
def test_a_username_is_equal_in_any_case_and_unicode_form(
    store: Store, username: str, same: str
) -> None:
    tenant_id = make_tenant(store).id
    user = make_user(store, tenant_id, username=username)
    assert user.username == username
    assert store.users.get_by_username(tenant_id=tenant_id, username=same) == user
    with pytest.raises(DuplicateError, match=r"users\.create.*username") as caught:
        make_user(store, tenant_id, username=same)
    assert caught.value.constraint == "users_tenant_id_username_key_key"
    make_user(store, make_tenant(store).id, username=same)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "asleep"),
        ("attributes", ["no object"]),
    ],
)
def test_a_value_out_of_range_is_refused(
    store: Store, field: str, value: object
) -> None:
    tenant_id = make_tenant(store).id
    with refusal_of(field):
        make_user(store, tenant_id, **{field: value})
    assert usernames(store, tenant_id) == []


def test_the_longest_username_and_email_fit(store: Store) -> None:
    username, email = "\U00020000" * 256, "a" * 249 + "@b.de"
    user = make_user(store, make_tenant(store).id, username=username, email=email)
    assert (user.username, user.email) == (username, email)


def test_filtered_pages_lead_forward_and_back(store: Store) -> None:
    tenant_id = make_tenant(store).id
    names = ["abe", "ann1", "ANN2", "Ann3", "ann4", "ann5", "ann7", "bob"]
    for username in names:
        status: UserStatus = "suspended" if username == "ann4" else "active"
        make_user(store, tenant_id, username=username, status=status)
    wanted: dict[str, Any] = {
        "tenant_id": tenant_id,
        "status": "active",
        "prefix": "aNN",
        "page_size": 2,
    }
    first = store.users.list(**wanted)
    second = store.users.list(after=first.next, **wanted)
    last = store.users.list(after=second.next, **wanted)
    shown = [[user.username for user in p.items] for p in (first, second, last)]
    assert shown == [["ann1", "ANN2"], ["Ann3", "ann5"], ["ann7"]]
    assert (first.previous, last.next) == (None, None)
    assert store.users.list(before=last.previous, **wanted) == second
    assert store.users.list(before=second.previous, **wanted) == first
    assert usernames(store, tenant_id, prefix="anN", before=last.previous) == names[1:6]
    assert sorted(usernames(store, tenant_id)) == sorted(names)


def test_pages_of_a_role_pass_over_assignments_that_ended(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    tenant_id = make_tenant(store).id
    role = store.roles.create(tenant_id=tenant_id, name="editor")
    users = [make_user(store, tenant_id) for _ in range(25)]
    for user in users:
        store.user_roles.assign(
            tenant_id=tenant_id, user_id=user.id, role_id=role.id, expires_at=FUTURE
        )
    users.sort(key=lambda user: user.id)
    holders = [users[0], users[22], users[24]]
    dba.execute(
        "update authority.user_roles set expires_at = now() where user_id <> all(%s)",
        [[user.id for user in holders]],
    )
    pages = pages_of(
        store.users.list_by_role, tenant_id=tenant_id, role_id=role.id, page_size=1
    )
    # The first page examined 10 assignments, as the second one.
    assert pages == [[holders[0]], [], [holders[1]], [holders[2]]]


def test_a_prefix_is_taken_literally_in_any_case(store: Store) -> None:
    tenant_id = make_tenant(store).id
    everybody = ["a%b", "a\\b", "a_b", "axb"]
    for username in everybody:
        make_user(store, tenant_id, username=username)
    for prefix, found in {
        "": everybody,
        "a%": ["a%b"],
        "A_": ["a_b"],
        "a\\": ["a\\b"],
        "\uff21x": ["axb"],
        "x": [],
    }.items():
        assert usernames(store, tenant_id, prefix=prefix) == found


def test_an_update_requires_the_version_that_was_read(store: Store) -> None:
    tenant_id = make_tenant(store).id
    user = make_user(store, tenant_id, username="ann", password_hash=PHC)
    keys = {"tenant_id": tenant_id, "user_id": user.id}
    changed = store.users.update(**keys, row_version=1, **EDIT)
    assert changed.updated_at > user.updated_at
    assert changed == replace(
        user,
        username_key="beate",
        updated_at=changed.updated_at,
        row_version=2,
        **EDIT,
    )
    with pytest.raises(
        ConcurrencyConflictError, match="user is no longer at row_version 1"
    ):
        store.users.update(**keys, row_version=1, **EDIT)
    with pytest.raises(NotFoundError, match="no such user"):
        store.users.update(tenant_id=tenant_id, user_id=uuid4(), row_version=2, **EDIT)
    make_user(store, tenant_id, username="ann")
    taken: Edit = {**EDIT, "username": "ANN"}
    with pytest.raises(DuplicateError):
        store.users.update(**keys, row_version=2, **taken)
    assert store.users.get_by_id(**keys) == changed


def test_deleting_a_user_deletes_its_rows(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    tenant_id = user.tenant_id
    client = make_client(store, tenant_id)
    role = store.roles.create(tenant_id=tenant_id, name="editor")
    store.user_roles.assign(tenant_id=tenant_id, user_id=user.id, role_id=role.id)
    consent = make_authorization(store, client, user_id=user.id)
    _, refresh = make_token(store, client, "refresh", user_id=user.id)
    string, _ = make_token(store, client, user_id=user.id)
    of_client, _ = make_token(store, client)
    assert store.users.delete(tenant_id=tenant_id, user_id=user.id)
    assert not store.users.delete(tenant_id=tenant_id, user_id=user.id)
    assert store.users.get_by_id(tenant_id=tenant_id, user_id=user.id) is None
    assert not verifies(store, user, string)
    assert store.tokens.get_by_id(tenant_id=tenant_id, token_id=refresh.id) is None
    gone = store.authorizations.get_by_id(
        tenant_id=tenant_id, authorization_id=consent.id
    )
    assert gone is None
    assert store.roles.delete(tenant_id=tenant_id, role_id=role.id)
    assert verifies(store, user, of_client)


def test_a_password_hash_is_set_replaced_and_removed(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    keys: dict[str, Any] = {"tenant_id": user.tenant_id, "user_id": user.id}
    set_hash = partial(store.users.set_password_hash, **keys)
    changed = set_hash(row_version=1, password_hash=PHC)
    assert (changed.password_hash, changed.row_version) == (PHC, 2)
    with pytest.raises(InvalidArgumentError, match="PHC string") as caught:
        set_hash(row_version=2, password_hash="hunter2")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConcurrencyConflictError):
        set_hash(row_version=1, password_hash=None)
    assert store.users.get_by_id(**keys) == changed
    removed = set_hash(row_version=2, password_hash=None)
    assert (removed.password_hash, removed.row_version) == (None, 3)


def test_a_user_does_not_show_its_password_hash(store: Store) -> None:
    user = make_user(store, make_tenant(store).id, password_hash=PHC)
    assert "username=" in repr(user)
    assert PHC not in repr(user)


def test_revoking_tokens_ends_earlier_tokens(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    keys = {"tenant_id": user.tenant_id, "user_id": user.id}
    client = make_client(store, user.tenant_id)
    other = make_user(store, user.tenant_id)
    of_other, _ = make_token(store, client, user_id=other.id)
    before, _ = make_token(store, client, user_id=user.id)
    changed = store.users.revoke_tokens(**keys)
    after, _ = make_token(store, client, user_id=user.id)
    assert changed is not None
    assert changed.tokens_valid_after is not None
    assert changed.row_version == 2
    assert not verifies(store, user, before)
    assert verifies(store, user, after)
    store.users.revoke_tokens(**keys)
    assert not verifies(store, user, after)
    assert verifies(store, user, of_other)


def test_an_epoch_separates_two_tokens_of_one_transaction(
    store: Store, logins: Logins
) -> None:
    user = make_user(store, make_tenant(store).id)
    client = make_client(store, user.tenant_id)
    with (
        psycopg.connect(logins.app, autocommit=True) as connection,
        Store.unit(connection, user.tenant_id) as unit,
    ):
        before, _ = make_token(unit, client, user_id=user.id)
        unit.users.revoke_tokens(tenant_id=user.tenant_id, user_id=user.id)
        after, _ = make_token(unit, client, user_id=user.id)
    assert not verifies(store, user, before)
    assert verifies(store, user, after)


def test_another_tenant_cannot_reach_a_user(store: Store) -> None:
    user = make_user(store, make_tenant(store).id, username="ann", password_hash=PHC)
    foreign = {"tenant_id": make_tenant(store).id, "user_id": user.id}
    tenant_id = foreign["tenant_id"]
    assert store.users.get_by_id(**foreign) is None
    assert store.users.get_by_username(tenant_id=tenant_id, username="ann") is None
    found = store.users.get_by_subject_id(
        tenant_id=tenant_id, subject_id=user.subject_id
    )
    assert found is None
    assert usernames(store, tenant_id) == []
    beyond = cursor_at("z", "users.list")
    assert usernames(store, tenant_id, before=beyond) == []
    with pytest.raises(NotFoundError):
        store.users.update(**foreign, row_version=1, **EDIT)
    with pytest.raises(NotFoundError):
        store.users.set_password_hash(**foreign, row_version=1, password_hash=None)
    assert store.users.revoke_tokens(**foreign) is None
    assert not store.users.delete(**foreign)
    assert store.users.get_by_id(tenant_id=user.tenant_id, user_id=user.id) == user
