"""Cursors of pages: opaque, of one list, and without effect on isolation."""

from base64 import urlsafe_b64encode
from uuid import UUID

import pytest

from authority_queries import Store
from authority_queries.errors import InvalidArgumentError
from authority_queries.repositories.cursors import by_id, by_text
from tests.factories import make_tenant, make_user

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
        by_id("users.list_by_role").cursor((UUID(int=7),)),
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
