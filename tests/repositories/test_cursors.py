"""Cursors of pages: opaque, of one list, and without effect on isolation."""

from base64 import urlsafe_b64encode
from typing import Any
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import InvalidArgumentError, LimitReachedError
from authority_queries.repositories.cursors import by_id, by_text
from tests.factories import PHC, make_client, make_tenant, make_user

pytestmark = pytest.mark.one_version


def encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "ann",
        "\u00e9",
        "=" * 9000,
        encoded("[" * 6000),
        encoded("{}"),
        encoded("null"),
        encoded('["users.list"]'),
        encoded('["users.list",1]'),
        encoded('["users.list","a","b"]'),
        encoded('["users.list", "ann"]'),
        encoded('["users.list","\\ud800"]'),
        encoded('["users.list","\\u0000"]'),
        by_text("clients.list", "client_id").cursor(("ann",)),
        by_id("users.list_by_role").cursor((uuid4(),)),
        by_text("users.list", "username_key").cursor(("ann",)) + "=",
    ],
)
def test_another_text_is_no_cursor_of_the_list(store: Store, cursor: str) -> None:
    tenant_id = make_tenant(store).id
    with pytest.raises(InvalidArgumentError, match="after must be a cursor") as caught:
        store.users.list(tenant_id=tenant_id, after=cursor)
    assert caught.value.argument == "after"
    with pytest.raises(InvalidArgumentError, match="before must be a cursor"):
        store.users.list(tenant_id=tenant_id, before=cursor)


def test_a_cursor_of_another_tenant_is_only_a_position(store: Store) -> None:
    tenants = [make_tenant(store).id for _ in range(2)]
    for tenant_id in tenants:
        for username in ("ann", "bob", "eve"):
            make_user(store, tenant_id, username=username)
    pages = [store.users.list(tenant_id=each, page_size=1) for each in tenants]
    assert pages[0].next == pages[1].next
    rest = store.users.list(tenant_id=tenants[1], after=pages[0].next)
    assert {user.tenant_id for user in rest.items} == {tenants[1]}
    assert [user.username for user in rest.items] == ["bob", "eve"]


def test_a_user_has_at_most_100_roles(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    key: dict[str, Any] = {"tenant_id": user.tenant_id, "user_id": user.id}
    roles = [
        store.roles.create(tenant_id=user.tenant_id, name=f"r{number}")
        for number in range(101)
    ]
    for role in roles[:100]:
        store.user_roles.assign(**key, role_id=role.id)
    store.user_roles.assign(**key, role_id=roles[0].id)
    with pytest.raises(LimitReachedError, match="at most 100 roles") as caught:
        store.user_roles.assign(**key, role_id=roles[100].id)
    assert caught.value.argument == "user_id"
    assert len(store.user_roles.list_by_user(**key)) == 100


def test_a_client_has_at_most_100_secrets(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    key: dict[str, Any] = {"tenant_id": client.tenant_id, "client_uuid": client.id}
    for _ in range(100):
        store.client_secrets.add(**key, secret_hash=PHC)
    with pytest.raises(LimitReachedError, match="at most 100 secrets"):
        store.client_secrets.add(**key, secret_hash=PHC)
